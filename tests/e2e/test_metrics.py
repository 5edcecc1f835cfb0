"""The metrics of the real processes are those that the documents, the rules and the dashboard are checked against."""

from prometheus_client.parser import text_string_to_metric_families

from deploy.local.ports import HOST
from deploy.local.settings import MESH
from tests.e2e.conftest import Shop, eventually
from tests.observability.table import table


async def scraped(shop: Shop, process: str) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    """Every series of a process, by name and labels."""
    (port,) = shop.stack.settings.metrics_ports(process)
    answer = await shop.http.get(f"http://{HOST}:{port}/metrics")
    series: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            series.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return series


async def test_each_process_shows_the_metrics_that_are_described_and_no_others(shop: Shop) -> None:
    described = {name: (labels, metric) for metric in table().values() for name, labels in metric.series.items()}

    for process in MESH:
        series = await scraped(shop, process)
        ours = {name: values for name, values in series.items() if name.startswith(("ordermesh_", "grpc_"))}

        assert ours.keys() - described.keys() == set()
        for name, values in ours.items():
            labels, metric = described[name]
            assert process in metric.processes, name
            assert {frozenset(key for key, _ in found) for found in values} == {labels}, name
        (build,) = ours["ordermesh_build_info"]
        assert ("process", process) in build


async def test_an_order_is_counted_on_its_whole_way(shop: Shop, ada: str) -> None:
    async def told() -> float:
        mails = (await scraped(shop, "notifier")).get("ordermesh_notifier_accept_to_mail_seconds_count", {})
        return mails.get(frozenset({("kind", "processed")}), 0.0)

    sku, before = await shop.item(1), await told()
    assert (await shop.order(ada, (sku, 1))).status_code == 201

    async def is_told() -> bool:
        return await told() > before

    await eventually(is_told)
    moves = (await scraped(shop, "orders"))["ordermesh_orders_moves_total"]
    assert all(moves[frozenset({("status", status)})] >= 1 for status in ("PENDING", "PROCESSING", "PROCESSED"))
    requests = (await scraped(shop, "gateway"))["ordermesh_gateway_http_requests_total"]
    assert requests[frozenset({("method", "POST"), ("route", "/api/orders"), ("status", "201")})] >= 1
