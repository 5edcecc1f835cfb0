"""The document and the page as they are served."""

import re

import httpx
import pytest

from gateway.openapi.endpoints import DOCUMENT_ROUTE, KEPT_SECONDS, PAGE_ROUTE
from gateway.tests.documents import document_of_the_contract

ASSETS = ("page.js", "swagger-ui-bundle.js", "swagger-ui.css")


async def test_the_document_is_served_to_anybody(anybody: httpx.AsyncClient) -> None:
    answer = await anybody.get(DOCUMENT_ROUTE)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == document_of_the_contract()


@pytest.mark.parametrize("path", [DOCUMENT_ROUTE, PAGE_ROUTE, *(f"{PAGE_ROUTE}/{name}" for name in ASSETS)])
async def test_all_of_it_may_be_kept_and_is_compressed_on_request(anybody: httpx.AsyncClient, path: str) -> None:
    plain = await anybody.get(path, headers={"accept-encoding": "identity"})
    small = await anybody.get(path, headers={"accept-encoding": "br, gzip;q=0.8"})
    never = await anybody.get(path, headers={"accept-encoding": "gzip;q=0.0"})

    assert plain.headers["cache-control"] == f"public, max-age={KEPT_SECONDS}"
    assert (small.headers["content-encoding"], small.headers["vary"]) == ("gzip", "accept-encoding")
    assert int(small.headers["content-length"]) < int(plain.headers["content-length"])
    assert small.content == plain.content == never.content
    assert "content-encoding" not in never.headers
    assert plain.headers["etag"] == small.headers["etag"]


async def test_the_page_loads_only_what_is_served_here(anybody: httpx.AsyncClient) -> None:
    page = await anybody.get(PAGE_ROUTE)

    loaded = re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page.text)
    assert {f"/api/{path}" for path in loaded} == {f"{PAGE_ROUTE}/{name}" for name in ASSETS}
    assert [(await anybody.get(f"/api/{path}")).status_code for path in loaded] == [200, 200, 200]


async def test_the_policy_of_the_page_lets_nothing_in(anybody: httpx.AsyncClient) -> None:
    page = await anybody.get(PAGE_ROUTE)

    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert not re.search(r"<script>|style=|\son\w+=", page.text)


async def test_head_of_the_page_has_no_body(anybody: httpx.AsyncClient) -> None:
    answer = await anybody.head(PAGE_ROUTE)

    assert (answer.status_code, answer.content) == (200, b"")
