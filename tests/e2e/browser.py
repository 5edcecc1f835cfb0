"""A headless Chromium for tests of pages, driven by WebDriver (https://www.w3.org/TR/webdriver2/) over HTTP."""

import asyncio
import base64
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from deploy.local.ports import HOST, free_ports

BROWSER, DRIVER = "chromium", "chromedriver"

ANSWER_SECONDS = 60.0
WAIT_SECONDS_MAX = 60.0

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--window-size=1280,1600",
)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key of an element's id, as WebDriver fixes it."""


def missing() -> str:
    """Which program a browser needs and this machine has not; empty when it has all."""
    return next((name for name in (BROWSER, DRIVER) if shutil.which(name) is None), "")


class Browser:
    """One window. Elements are named by CSS selectors."""

    def __init__(self, http: httpx.AsyncClient, session: str) -> None:
        """``session``: the URL of one that has begun."""
        self._http = http
        self._session = session

    async def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        await self._post("url", {"url": url})

    async def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns; a promise is waited for."""
        return await self._post("execute/sync", {"script": script, "args": list(arguments)})

    async def until(self, script: str, *arguments: Any) -> Any:
        """What a script returns, once that is something."""
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while not (answer := await self.run(script, *arguments)):
                await asyncio.sleep(0.05)
        return answer

    async def click(self, selector: str) -> None:
        """Click what is there, or will be."""
        element = await self._element(selector)
        await self._post(f"element/{element}/click", {})

    async def write(self, selector: str, text: str) -> None:
        """Put a text into a field in place of what is in it."""
        element = await self._element(selector)
        await self._post(f"element/{element}/clear", {})
        await self._post(f"element/{element}/value", {"text": text})

    async def text(self, selector: str) -> str:
        """The text of an element that is there, or will be."""
        await self._element(selector)
        return str(await self.run("return document.querySelector(arguments[0]).textContent", selector))

    async def complaints(self) -> list[str]:
        """What the console shows as errors since it was last asked; violations of a page's policy are among them."""
        entries = await self._post("se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    async def screenshot(self) -> bytes:
        """A picture of the window, as PNG."""
        answer = await self._http.get(f"{self._session}/screenshot")
        return base64.b64decode(answer.json()["value"])

    async def _element(self, selector: str) -> str:
        element = await self.until("return document.querySelector(arguments[0])", selector)
        return str(element[_ELEMENT])

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = await self._http.post(f"{self._session}/{path}", json=body)
        value = answer.json()["value"]
        assert answer.status_code == 200, f"{path}: {value['error']}: {value['message']}"
        return value


@asynccontextmanager
async def open_browser(profile: Path) -> AsyncIterator[Browser]:
    """A browser with an empty profile in ``profile``; it ends with the block."""
    port = free_ports([DRIVER])[DRIVER]
    quiet = asyncio.subprocess.DEVNULL
    driver = await asyncio.create_subprocess_exec(DRIVER, f"--port={port}", stdout=quiet, stderr=quiet)
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS) as http:
            root = f"http://{HOST}:{port}"
            await _ready(http, root, driver)
            session = f"{root}/session/{await _begin(http, root, profile)}"
            try:
                yield Browser(http, session)
            finally:
                await http.delete(session)  # the driver would leave the browser behind
    finally:
        driver.terminate()
        await driver.wait()


async def _ready(http: httpx.AsyncClient, root: str, driver: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(ANSWER_SECONDS):
        while driver.returncode is None:
            with suppress(httpx.TransportError):
                if (await http.get(f"{root}/status")).json()["value"]["ready"]:
                    return
            await asyncio.sleep(0.05)
    raise AssertionError(f"{DRIVER} ended with {driver.returncode}")


async def _begin(http: httpx.AsyncClient, root: str, profile: Path) -> str:
    capabilities = {
        "browserName": "chrome",
        "goog:loggingPrefs": {"browser": "ALL"},
        "goog:chromeOptions": {
            "binary": shutil.which(BROWSER),
            "args": [*_FLAGS, f"--user-data-dir={profile}"],
        },
    }
    answer = await http.post(f"{root}/session", json={"capabilities": {"alwaysMatch": capabilities}})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["value"]["sessionId"])
