"""Where the gateway and Envoy differ on purpose: all of it, under the headings of docs/TRANSCODING.md."""

from collections.abc import Mapping, Sequence

from tests.transcoding.comparison import Result
from tests.transcoding.difference import Difference
from tests.transcoding.differences_in_http import ERRORS, HTTP, PATHS
from tests.transcoding.differences_in_values import BODIES, QUERIES, TEXTS

DIFFERENCES: Mapping[str, Sequence[Difference]] = {
    "HTTP": HTTP,
    "Paths": PATHS,
    "Queries": QUERIES,
    "Values as texts": TEXTS,
    "Bodies": BODIES,
    "Errors": ERRORS,
}


def explanation(result: Result) -> Difference | None:
    """The first difference that explains a result that is not equal."""
    return next((one for some in DIFFERENCES.values() for one in some if one.explains(result)), None)
