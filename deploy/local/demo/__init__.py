"""``make demo``: the life of an order, told step by step, over REST and over gRPC stubs."""

from deploy.local.demo.run import demo

__all__ = ["demo"]
