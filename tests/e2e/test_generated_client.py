"""A client that a tool of others generates from the document."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Shop, bearer

PACKAGE = "generated_client"


async def generate(shop: Shop, directory: Path) -> None:
    """Write the package of a client for the document that the gateway serves into ``directory``."""
    pytest.importorskip("openapi_python_client", reason="openapi-python-client is not installed")
    document = directory / "openapi.json"
    document.write_bytes((await shop.http.get("/api/openapi.json")).content)
    programs = Path(sys.executable).parent
    arguments = ["generate", "--fail-on-warning", "--meta=none", f"--path={document}", f"--output-path={PACKAGE}"]
    done = subprocess.run(  # noqa: ASYNC221, S603 - nothing else is to be done meanwhile
        [programs / "openapi-python-client", *arguments],
        cwd=directory,
        env=os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def test_a_generated_client_places_an_order(
    shop: Shop, ada: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await generate(shop, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    package = importlib.import_module(PACKAGE)
    models = importlib.import_module(f"{PACKAGE}.models")
    create_order: Any = importlib.import_module(f"{PACKAGE}.api.orders.create_order")
    sku = await shop.item(3)
    order = models.CreateOrderRequest(items=[models.OrderLine(sku=sku, quantity=2)])

    async with package.AuthenticatedClient(str(shop.http.base_url), token=ada) as client:
        placed = await create_order.asyncio(client=client, body=order, idempotency_key="k-1")
        again = await create_order.asyncio_detailed(client=client, body=order, idempotency_key="k-1")
        refused = await create_order.asyncio(client=client, body=order)

    found = await shop.http.get(f"/api/orders/{placed.order_id}", headers=bearer(ada))
    assert [(line["sku"], line["quantity"]) for line in found.json()["items"]] == [(sku, 2)]
    assert (again.parsed.order_id, again.headers["idempotent-replayed"]) == (placed.order_id, "true")
    assert (refused.type_, refused.metadata.to_dict()) == ("urn:ordermesh:OUT_OF_STOCK", {sku: "1"})
