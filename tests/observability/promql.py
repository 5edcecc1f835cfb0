"""What an expression of PromQL asks for: names of series, and labels of each."""

import re
from collections.abc import Iterator

TARGET_LABELS = frozenset({"job", "instance", "namespace", "pod"})
"""What scraping adds to every series."""

WORDS = frozenset(
    {
        *("abs", "absent", "ceil", "clamp_max", "clamp_min", "count", "delta", "histogram_quantile", "increase"),
        *("max", "max_over_time", "min", "min_over_time", "rate", "round", "sum", "time", "topk", "vector"),
        *("and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "group_left", "group_right"),
        *("inf", "nan"),
    }
)

_TEXT = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_RANGE = re.compile(r"\[[^\]]*\]")
_LISTS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{([^}]*)\}")
_LABEL = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)")
_NAME = re.compile(r"(?<![\w.:])[a-zA-Z_:][a-zA-Z0-9_:]*")


def selectors(expression: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Each series that is asked for, with the labels that it is chosen by."""
    bare = _LISTS.sub(" ", _RANGE.sub(" ", _TEXT.sub("", expression)))
    for name, matchers in _SELECTOR.findall(bare):
        yield name, frozenset(_LABEL.findall(matchers))
    for name in _NAME.findall(_SELECTOR.sub(" ", bare)):
        if name not in WORDS:
            yield name, frozenset()


def grouping(expression: str) -> frozenset[str]:
    """The labels that series are grouped or matched by."""
    lists = _LISTS.findall(_TEXT.sub("", expression))
    return frozenset(label.strip() for text in lists for label in text.split(",") if label.strip())
