"""What a client sends and takes, by its ``Content-Type``, ``Content-Encoding`` and ``Accept``."""

from collections.abc import Mapping

from gateway.errors import NotAcceptable, UnsupportedMediaType
from gateway.remembered import remembered

JSON = b"application/json"

EVENT_STREAM = b"text/event-stream"


def require_json_accepted(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a client that takes no JSON.

    :raises NotAcceptable: with what there is.
    """
    accept = headers.get(b"accept")
    if accept is not None and not _accepts(accept, JSON):
        raise NotAcceptable("answers are application/json")


def require_event_stream_accepted(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a client that takes no events.

    :raises NotAcceptable: with what there is.
    """
    accept = headers.get(b"accept")
    if accept is not None and not _accepts(accept, EVENT_STREAM):
        raise NotAcceptable("this is a stream of events: text/event-stream, or a WebSocket")


def require_json_sent(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a body that is not plain JSON.

    :raises UnsupportedMediaType: with what would be right.
    """
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMediaType("a body must not be compressed", {"accept-encoding": "identity"})
    if not _is_json(headers.get(b"content-type", b"")):
        raise UnsupportedMediaType("a body must be application/json", {"accept": "application/json"})


def weight(parameters: list[str]) -> float:
    """The value of ``q`` among the parameters of a media range or a coding; 0 when it is no number."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


@remembered
def _accepts(accept: bytes, wanted: bytes) -> bool:
    """Whether the most specific range that includes the media type has a weight above 0 (RFC 9110, 12.5.1)."""
    ranges = ("*/*", f"{wanted.decode().partition('/')[0]}/*", wanted.decode())
    best, best_weight = -1, 0.0
    for part in accept.decode("latin-1").lower().split(","):
        media, *parameters = [text.strip() for text in part.split(";")]
        specificity = ranges.index(media) if media in ranges else -1
        if specificity > best:
            best, best_weight = specificity, weight(parameters)
    return best_weight > 0 or not accept.strip()


@remembered
def _is_json(content_type: bytes) -> bool:
    media, *parameters = [text.strip() for text in content_type.decode("latin-1").lower().split(";")]
    charsets = [text.partition("=")[2].strip('" ') for text in parameters if text.startswith("charset")]
    return media.encode() == JSON and all(charset in {"utf-8", "utf8", "us-ascii"} for charset in charsets)
