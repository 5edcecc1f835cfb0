"""Holds objects (a JSON list on standard input) against the schemas of Kubernetes' releases (arguments), strictly.

It runs in the tools' environment, which has the schemas. A line for each thing that is wrong; a kind without a schema
is one.
"""

import json
import sys
from functools import cache

from kubernetes_validate import utils


def main() -> None:
    """Print what is wrong."""
    utils.schema_contents = cache(utils.schema_contents)  # it reads 3 MB of definitions for every object
    objects = json.load(sys.stdin)
    for release in sys.argv[1:]:
        for thing in objects:
            try:
                utils.validate(thing, release, strict=True)
            except utils.ValidationError as error:
                where = ".".join(map(str, error.path))
                say(release, thing, f"{where}: {error.message}")
            except utils.SchemaNotFoundError as error:
                say(release, thing, error.message)


def say(release: str, thing: dict[str, dict[str, str]], what: str) -> None:
    """One line."""
    sys.stdout.write(f"{release} {thing['kind']} {thing['metadata']['name']}: {what}\n")


if __name__ == "__main__":
    main()
