"""Who may reach whom is what docs/ARCHITECTURE.md says, no more and no less."""

from copy import deepcopy

from tests.k8s.manifests import Manifests
from tests.k8s.reachability import METADATA, Way, as_text, documented, table, ways
from tests.k8s.renderings import rendering


def test_the_document_has_exactly_the_ways_that_are_open() -> None:
    assert documented() == table(), f"docs/ARCHITECTURE.md should have\n{as_text(table())}"


def test_calls_between_the_processes_are_the_declared_graph() -> None:
    services = {"auth": "50051", "orders": "50052", "inventory": "50053", "notifier": "50054"}
    graph = {
        "gateway": {"auth", "orders", "inventory", "notifier"},
        "orders": {"inventory", "auth"},
        "inventory": {"auth"},
        "notifier": {"orders", "auth"},
    }

    for overlay in ("demo", "aws"):
        calls = {(way.caller, way.callee) for way in ways(rendering(overlay)) if way.port == services.get(way.callee)}
        assert calls - {("seed", "auth"), ("seed", "inventory")} == {
            (caller, callee) for caller, callees in graph.items() for callee in callees
        }


def test_nobody_can_ask_the_node_for_its_credentials() -> None:
    assert not [way for way in ways(rendering("aws")) if way.callee == METADATA.name]


def test_nobody_but_a_kubelet_asks_for_health_in_plaintext() -> None:
    ports = {
        container.ports["health"]
        for container in rendering("aws with tls").processes().values()
        if "health" in container.ports
    }

    assert len(ports) == 1
    assert not [way for way in ways(rendering("aws with tls")) if way.port in map(str, ports)]


def test_a_way_is_open_only_when_both_sides_allow_it() -> None:
    closed = Manifests(deepcopy(rendering("demo").objects))
    policy = closed.named("NetworkPolicy", "inventory")
    assert policy is not None
    policy["spec"]["ingress"] = []

    assert Way("orders", "inventory", "50053") in ways(rendering("demo"))
    assert Way("orders", "inventory", "50053") not in ways(closed)


def test_grpc_clients_of_other_namespaces_come_in_by_the_component_alone() -> None:
    added = {way for way in ways(rendering("aws with components")) if "grpc-clients" in way.caller}

    assert {(way.callee, way.port) for way in added} == {
        ("auth", "50051"),
        ("orders", "50052"),
        ("inventory", "50053"),
        ("notifier", "50054"),
    }
    assert not {way for way in ways(rendering("aws")) if "grpc-clients" in way.caller}
