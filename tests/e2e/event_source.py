"""What a browser's EventSource does, for tests: it comes again by itself, with the id of the last event it has seen.

See https://html.spec.whatwg.org/multipage/server-sent-events.html#the-eventsource-interface.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx

MESSAGE, ERROR = "message", "error"


class EventSource:
    """Runs until it is told to stop: by a 204, or by any other answer than a stream of events."""

    def __init__(self, http: httpx.AsyncClient, url: str, headers: dict[str, str] | None = None) -> None:
        self.events: list[tuple[str, Any]] = []
        self.opened = 0
        self.status = 0
        self._http = http
        self._url = url
        self._headers = headers or {}
        self._last_event_id = ""
        self._retry_seconds = 3.0
        self._moved = asyncio.Condition()

    @property
    def messages(self) -> list[Any]:
        """The data of the events that ``onmessage`` hears."""
        return [data for name, data in self.events if name == MESSAGE]

    async def run(self) -> None:
        """Connect, and connect again, until the end."""
        while await self._connect():
            await asyncio.sleep(self._retry_seconds)

    async def until(self, condition: Callable[["EventSource"], bool]) -> None:
        """Wait until something holds of it."""
        async with self._moved:
            await self._moved.wait_for(lambda: condition(self))

    async def _connect(self) -> bool:
        """One connection; whether another one follows."""
        headers = self._headers | {"accept": "text/event-stream", "cache-control": "no-store"}
        if self._last_event_id:
            headers["last-event-id"] = self._last_event_id
        with suppress(httpx.TransportError):
            async with self._http.stream("GET", self._url, headers=headers) as answer:
                self.status = answer.status_code
                if answer.status_code != 200:
                    await self._notify()
                    return False
                self.opened += 1
                await self._notify()
                await self._read(answer)
        return True

    async def _read(self, answer: httpx.Response) -> None:
        name, data, event_id = MESSAGE, "", self._last_event_id
        async for line in answer.aiter_lines():
            field, _, value = line.partition(": ")
            if field == "id":
                event_id = value
            elif field == "event":
                name = value
            elif field == "data":
                data += value
            elif field == "retry":
                self._retry_seconds = int(value) / 1000
            elif not line:
                self._last_event_id = event_id
                if data:
                    self.events.append((name, json.loads(data)))
                    await self._notify()
                name, data = MESSAGE, ""

    async def _notify(self) -> None:
        async with self._moved:
            self._moved.notify_all()
