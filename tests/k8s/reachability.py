"""Who may reach whom, computed from the network policies: both sides must allow it.

``python -m tests.k8s.reachability`` prints the table that docs/ARCHITECTURE.md has.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from deploy.local.environments import ROOT
from tests.k8s.manifests import WORKLOADS, Manifests, labels_of, selects
from tests.k8s.renderings import rendering

DOCUMENT = ROOT / "docs" / "ARCHITECTURE.md"
HEADING = "## Who may reach whom"
HEAD = "| caller | callee | port | where |\n|---|---|---|---|\n"
WHERE = ("demo", "aws")
EVERY_PORT = "any TCP"


class Way(NamedTuple):
    """Somebody may open connections to a port of somebody."""

    caller: str
    callee: str
    port: str


@dataclass(frozen=True)
class Somebody:
    """One end of a connection. ``namespace_labels`` is None for the mesh's own namespace."""

    name: str
    labels: Mapping[str, str]
    namespace_labels: Mapping[str, str] | None = None
    address: str = "10.1.2.3"


ANYBODY = Somebody("anybody", {}, {})
STRANGERS = (
    Somebody("namespaces labelled `ordermesh/metrics`", {}, {"ordermesh/metrics": "true"}),
    Somebody("namespaces labelled `ordermesh/grpc-clients`", {}, {"ordermesh/grpc-clients": "true"}),
)
DNS = Somebody("DNS", {"k8s-app": "kube-dns"}, {"kubernetes.io/metadata.name": "kube-system"})
NODE_LOCAL_DNS = Somebody("DNS", {}, {}, address="169.254.20.10")
COLLECTOR = Somebody("namespaces labelled `ordermesh/otel-collector`", {}, {"ordermesh/otel-collector": "true"})
METADATA = Somebody("the node's metadata", {}, {}, address="169.254.169.254")
OUTSIDE = Somebody("outside", {}, {}, address="93.184.216.34")

OUTER_PORTS = ("53/UDP", "53", "80", "443", "4317", "4318", "5000", "6379", "6443", "27017")
"""What of somebody who is not ours is tried."""


def ways(manifests: Manifests) -> set[Way]:
    """Every way that the policies leave open between two ends of which one is ours."""
    policies = [policy["spec"] for policy in manifests.of_kind("NetworkPolicy")]
    ours = {
        workload["metadata"]["name"]: Somebody(workload["metadata"]["name"], labels_of(workload))
        for workload in manifests.of_kind(*WORKLOADS)
    }
    ports = _ports(manifests)
    found = set()
    for callee, callers in ((ours[name], (*ours.values(), ANYBODY, *STRANGERS)) for name in ports):
        for caller in callers:
            for port in ports[callee.name]:
                if _may_call(policies, caller, callee, port) and _may_be_called(policies, caller, callee, port):
                    found.add(Way(caller.name, callee.name, port))
    for caller in ours.values():
        found |= _ways_out(policies, caller)
    return _without_repetition(found)


def _ways_out(policies: list[Any], caller: Somebody) -> set[Way]:
    if _may_call(policies, caller, OUTSIDE, "1"):  # a port that nobody would name: so it is all of them
        return {Way(caller.name, "anything", EVERY_PORT)}
    return {
        Way(caller.name, callee.name, port)
        for callee in (DNS, NODE_LOCAL_DNS, COLLECTOR, METADATA, OUTSIDE)
        for port in OUTER_PORTS
        if _may_call(policies, caller, callee, port)
    }


def _without_repetition(found: set[Way]) -> set[Way]:
    """Without what somebody may as anybody may, and without ways to those who are reached as anything outside is."""
    open_to_all = {way[1:] for way in found if way.caller == ANYBODY.name}
    strangers = {stranger.name for stranger in STRANGERS}
    outer = {DNS.name, COLLECTOR.name}
    unbound = {way.caller for way in found if way.port == EVERY_PORT}
    return {
        way
        for way in found
        if not (way.caller in strangers | unbound and way[1:] in open_to_all)
        and not (way.callee in outer and way._replace(callee=OUTSIDE.name) in found)
    }


def _ports(manifests: Manifests) -> dict[str, list[str]]:
    ports: dict[str, list[str]] = {}
    for container in manifests.containers():
        ports.setdefault(container.workload, []).extend(map(str, container.ports.values()))
    return ports


def _may_call(policies: Iterable[Any], caller: Somebody, callee: Somebody, port: str) -> bool:
    return _allows(policies, caller, "Egress", "to", callee, port)


def _may_be_called(policies: Iterable[Any], caller: Somebody, callee: Somebody, port: str) -> bool:
    return _allows(policies, callee, "Ingress", "from", caller, port)


def _allows(policies: Iterable[Any], subject: Somebody, side: str, key: str, other: Somebody, port: str) -> bool:
    """Whether one side allows it: nothing selects it, or a rule of one that does says so."""
    if subject.namespace_labels is not None:
        return True  # somebody else's namespace: their policies are not ours to know
    of_side = (policy for policy in policies if side in policy["policyTypes"])
    selected = [policy for policy in of_side if selects(policy["podSelector"], subject.labels)]
    rules = [rule for policy in selected for rule in policy.get(side.lower()) or []]
    return not selected or any(_peer(rule.get(key), other) and _port(rule.get("ports"), port) for rule in rules)


def _peer(peers: list[Any] | None, other: Somebody) -> bool:
    return not peers or any(_is(peer, other) for peer in peers)


def _is(peer: Any, other: Somebody) -> bool:
    if block := peer.get("ipBlock"):
        address = ip_address(other.address)
        return address in ip_network(block["cidr"]) and not any(
            address in ip_network(kept_out) for kept_out in block.get("except", [])
        )
    if "namespaceSelector" in peer:
        if other.namespace_labels is None or not selects(peer["namespaceSelector"], other.namespace_labels):
            return False
        return selects(peer.get("podSelector", {}), other.labels)
    return other.namespace_labels is None and selects(peer["podSelector"], other.labels)


def _port(allowed: list[Any] | None, port: str) -> bool:
    number, _, protocol = port.partition("/")
    return not allowed or any(
        rule.get("protocol", "TCP") == (protocol or "TCP") and rule.get("port", int(number)) == int(number)
        for rule in allowed
    )


def table() -> dict[Way, str]:
    """Every way of the two overlays, and in which of them it is open."""
    by_overlay = {name: ways(rendering(name)) for name in WHERE}
    return {
        way: ", ".join(name for name in WHERE if way in by_overlay[name])
        for way in sorted(set().union(*by_overlay.values()))
    }


def documented() -> dict[Way, str]:
    """What docs/ARCHITECTURE.md says."""
    section = DOCUMENT.read_text().partition(f"{HEADING}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+) \| (.+) \| (.+) \| (.+) \|$", section, re.MULTILINE)
    return {
        Way(caller, callee, port): where for callers, callee, port, where in rows[1:] for caller in callers.split(", ")
    }


def as_text(rows: Mapping[Way, str]) -> str:
    """The table as the document has it; one row for callers that may do the same."""
    callers: dict[tuple[str, str, str], list[str]] = {}
    for way, where in rows.items():
        callers.setdefault((way.callee, way.port, where), []).append(way.caller)
    return HEAD + "".join(
        f"| {', '.join(names)} | {callee} | {port} | {where} |\n"
        for (callee, port, where), names in sorted(callers.items())
    )


if __name__ == "__main__":
    sys.stdout.write(as_text(table()))
