"""Log lines: JSON for machines or one readable line for people, each with its request's id."""

import json
import logging
import sys
from datetime import UTC, datetime

from chassis.call import current_call


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_context(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        fields = "".join(f" {key}={value}" for key, value in _context(record).items())
        line = f"{time} {record.levelname:<7} {record.name}: {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _context(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = dict(getattr(record, "fields", {}))
    call = current_call()
    if call is not None:
        fields["request_id"] = call.request_id
        if call.traceparent:
            fields["trace_id"] = call.traceparent.split("-")[1]
    return fields


class _WithoutUndecodable(logging.Filter):
    """Drops what grpc says of metadata that is no text: the bytes themselves, and a traceback, several times a call.

    So whoever can connect could write into the log, as much as they like. The call has its line without that.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.name == "grpc._cython.cygrpc" and record.msg == "Invalid encoding on %s")


def configure_logging(level: str, line_format: str) -> None:
    """Send log lines of at least ``level`` to standard error, as ``json`` or ``text``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if line_format == "json" else _TextFormatter())
    handler.addFilter(_WithoutUndecodable())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("botocore", "aiobotocore", "pymongo", "asyncio", "grpc", "urllib3"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
