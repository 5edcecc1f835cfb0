"""What a difference is, and what the lists of them ask of a result."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.transcoding.comparison import Result


@dataclass(frozen=True)
class Difference:
    """What we do, what Envoy does, and why ours is meant; ``explains`` says which results it is about."""

    ours: str
    envoys: str
    reason: str
    explains: Callable[[Result], bool]


def path(result: Result) -> str:
    """The target's path, as it was sent."""
    return result.case.target.partition("?")[0]


def parameters(result: Result) -> list[str]:
    """The parameters of the target's query, as they were sent."""
    return result.case.target.partition("?")[2].split("&")


def only_we_refuse(result: Result, *descriptions: str) -> bool:
    """Whether we say one of these things, and nothing else, of a request that Envoy passes on."""
    ours, envoys = result.ours, result.envoys
    if ours.call is not None or ours.status != 400 or envoys.call is None:
        return False
    said = [violation["description"] for violation in ours.value["violations"]]
    return bool(said) and all(text.startswith(descriptions) for text in said)


def only_envoy_refuses(result: Result) -> bool:
    """Whether Envoy finds something wrong with a request that we pass on."""
    return result.envoys.call is None and result.envoys.status == 400 and result.ours.call is not None


def tries(result: Result, *kinds: str) -> bool:
    """Whether the case is of one of these kinds."""
    return result.case.kind in kinds
