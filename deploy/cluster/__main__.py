"""``python -m deploy.cluster <command>``: one of the commands that the manifests in ``deploy/k8s`` run."""

import argparse
from collections.abc import Sequence
from importlib import import_module

HEALTH_PORT_DEFAULT = 8081


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name."""
    parsed = _parser().parse_args(arguments)
    # Each command's module is loaded alone: the drivers of the others would cost it more memory than all it does.
    import_module(f"deploy.cluster.{parsed.module}").main(parsed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    secrets = commands.add_parser("secrets", help="fill in what a Secret is missing, once")
    secrets.set_defaults(module="make_secrets")
    secrets.add_argument("--secret", required=True, help="the Secret's name, in the pod's own namespace")

    mongodb = commands.add_parser("mongodb", help="keep the MongoDB of this pod a replica set of one")
    mongodb.set_defaults(module="watch_mongodb")
    mongodb.add_argument("--set", required=True, help="the replica set's name")
    mongodb.add_argument("--member", required=True, help="host:port that clients find it at")
    mongodb.add_argument("--address", default="localhost:27017", help="host:port that this pod finds it at")

    aws = commands.add_parser("aws", help="keep the emulator of AWS provisioned with queues and a sender")
    aws.set_defaults(module="watch_aws")

    seed = commands.add_parser("seed", help="keep demo users and stock in the mesh")
    seed.set_defaults(module="watch_seed")

    for watcher in (mongodb, aws, seed):
        watcher.add_argument("--health-port", type=int, default=HEALTH_PORT_DEFAULT, help="port of /healthz, /readyz")
    return parser


if __name__ == "__main__":
    main()
