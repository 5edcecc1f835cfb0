"""Faults, kills and crashes under load, and the audit that finds nothing wrong afterwards."""

import os

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
"""gRPC reads it when it is imported. The rig runs on uvloop, which starts processes by a plain fork, while its probes
call by gRPC; gRPC would then stop its threads and make them anew on both sides, which crashes one of them now and then.
"""
