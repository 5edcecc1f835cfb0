"""Alerts, dashboard and documents ask for what the processes show, and for nothing else."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.environments import ROOT
from deploy.local.settings import MESH
from tests.observability.exposed import exposed
from tests.observability.promql import TARGET_LABELS, grouping, selectors
from tests.observability.table import table

HERE = ROOT / "deploy/observability"
RUNBOOKS = "https://REPOSITORY/blob/main/docs/ALERTS.md#"
SEVERITIES = {"critical", "warning", "info"}

PIPELINE_KEYS = {"receivers", "processors", "exporters"}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((HERE / "prometheus-rules.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


RULES = rules()
ALERTS = [rule for rule in RULES if "alert" in rule]
RECORDED = {rule["record"]: rule["expr"] for rule in RULES if "record" in rule}
DASHBOARD: dict[str, Any] = json.loads((HERE / "grafana-dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression, and where it stands."""
    for rule in RULES:
        yield rule.get("alert") or rule["record"], rule["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


EXPRESSIONS = list(expressions())
each_expression = pytest.mark.parametrize(("place", "expression"), EXPRESSIONS)


def known_series() -> dict[str, frozenset[str]]:
    """Every series that there is and its labels, recorded ones too."""
    scraped = {name: labels for metric in exposed().values() for name, labels in metric.series.items()}
    return scraped | {name: grouping(expression) - {"le"} for name, expression in RECORDED.items()}


@each_expression
def test_every_series_that_is_asked_for_is_shown_by_a_process(place: str, expression: str) -> None:
    asked = {name for name, _ in selectors(expression)}

    assert asked
    assert asked - known_series().keys() == set()


@each_expression
def test_every_label_that_is_asked_for_is_one_of_its_series(place: str, expression: str) -> None:
    known = known_series()
    asked = list(selectors(expression))

    for name, labels in asked:
        assert labels - known[name] - TARGET_LABELS == set(), name
    of_any = frozenset[str]().union(*(known[name] for name, _ in asked))
    assert grouping(expression) - of_any - TARGET_LABELS == set()


def test_what_is_recorded_is_used() -> None:
    used = {name for _, expression in EXPRESSIONS for name, _ in selectors(expression)}

    assert RECORDED.keys() - used == set()


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(alert: dict[str, Any]) -> None:
    notes = alert["annotations"]

    assert alert["labels"]["severity"] in SEVERITIES
    assert notes.keys() == {"summary", "description", "runbook_url"}
    assert notes["runbook_url"] == RUNBOOKS + alert["alert"].lower()
    asked = (
        {"alertname", "severity"}
        | grouping(alert["expr"])
        | {label for _, ls in selectors(alert["expr"]) for label in ls}
    )
    assert set(re.findall(r"\$labels\.(\w+)", notes["summary"] + notes["description"])) - asked == set()


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    headings = re.findall(r"^### (OrderMesh\w+)$", (ROOT / "docs/ALERTS.md").read_text(), re.MULTILINE)

    assert sorted(headings) == sorted(alert["alert"] for alert in ALERTS)


def test_alerts_of_a_number_that_replicas_share_take_the_greatest() -> None:
    """Summed over two replicas it would be twice as high."""
    shared = {m.name for m in exposed().values() if "every replica says the same" in m.documentation}
    assert shared

    for place, expression in EXPRESSIONS:
        for name in shared & {name for name, _ in selectors(expression)}:
            assert re.search(rf"\bmax\({name}\)", expression), place


def test_ids_on_the_dashboard_are_unique() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_in_which_unit_and_from_where(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
    refs = [target["refId"] for target in panel["targets"]]
    assert len(refs) == len(set(refs))


def test_panels_do_not_lie_upon_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_metric_of_ours_is_on_the_dashboard_or_in_an_alert() -> None:
    """What nobody looks at need not be counted."""
    used = {name for _, expression in EXPRESSIONS for name, _ in selectors(expression)}
    ours = [metric for metric in exposed().values() if metric.is_ours]

    unused = {metric.name for metric in ours if not metric.series.keys() & used}
    assert unused == {"grpc_client_started_total", "grpc_client_handling_seconds"}  # go-grpc-prometheus has them


def test_the_table_of_metrics_is_that_of_the_code() -> None:
    ours = {name: metric for name, metric in exposed().items() if metric.is_ours}

    assert table() == {
        name: replace(metric, documentation=metric.documentation.rstrip(".")) for name, metric in ours.items()
    }


def test_every_metric_has_its_unit_last_and_in_words() -> None:
    ours = [metric for metric in exposed().values() if metric.is_ours]

    assert [m.name for m in ours if "seconds" in m.name and not m.name.endswith("_seconds")] == []
    assert [m.name for m in ours if "seconds" in m.name and not re.search("second|Unix time", m.documentation)] == []


def promtool(*arguments: str | Path) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("there is no promtool here (Debian: apt install prometheus): Prometheus has not checked the rules")
    command = [tool, *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own words
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_rules() -> None:
    promtool("check", "rules", HERE / "prometheus-rules.yaml")


def test_prometheus_takes_what_the_dashboard_asks(tmp_path: Path) -> None:
    asked = [target["expr"].replace("$__rate_interval", "1m") for panel in PANELS for target in panel["targets"]]
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(asked)]
    (tmp_path / "panels.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    promtool("check", "rules", tmp_path / "panels.yaml")


def test_the_alerts_do_what_they_are_for() -> None:
    promtool("test", "rules", HERE / "prometheus-rules.test.yaml")


def test_the_alerts_that_wake_somebody_up_are_tried() -> None:
    tried = set(re.findall(r"alertname: (\w+)", (HERE / "prometheus-rules.test.yaml").read_text()))

    assert {alert["alert"] for alert in ALERTS if alert["labels"]["severity"] == "critical"} - tried == set()


def test_prometheus_takes_the_configuration_for_the_local_stack() -> None:
    promtool("check", "config", HERE / "prometheus.yaml")


def test_prometheus_takes_the_configuration_for_kubernetes(tmp_path: Path) -> None:
    """Debian's promtool knows no Kubernetes, so it is shown the rest."""
    config = yaml.safe_load((HERE / "prometheus-kubernetes.yaml").read_text())
    (scrape,) = config["scrape_configs"]
    assert scrape.pop("kubernetes_sd_configs") == [{"role": "pod", "namespaces": {"names": ["ordermesh"]}}]
    shutil.copy(HERE / "prometheus-rules.yaml", tmp_path)
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config))

    promtool("check", "config", tmp_path / "prometheus.yaml")


def test_each_process_of_the_local_stack_is_scraped() -> None:
    config = yaml.safe_load((HERE / "prometheus.yaml").read_text())
    targets = {c["job_name"]: c["static_configs"][0]["targets"] for c in config["scrape_configs"]}
    example = dict(re.findall(r"^#(\w+_METRICS_PORT)=(\d+)$", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert targets == {name: [f"127.0.0.1:{example[f'{name.upper()}_METRICS_PORT']}"] for name in MESH}


def test_the_collector_has_each_part_that_its_pipelines_name() -> None:
    """As much as can be known without the collector, which no package index has."""
    config = yaml.safe_load((HERE / "otel-collector.yaml").read_text())
    pipelines = config["service"]["pipelines"]

    for kind in PIPELINE_KEYS:
        assert {part for pipeline in pipelines.values() for part in pipeline[kind]} == config[kind].keys()
    assert set(config["service"]["extensions"]) == config["extensions"].keys()
    for pipeline in pipelines.values():
        assert pipeline.keys() == PIPELINE_KEYS
        assert (pipeline["processors"][0], pipeline["processors"][-1]) == ("memory_limiter", "batch")


def test_the_collector_scrapes_what_prometheus_would() -> None:
    collector = yaml.safe_load((HERE / "otel-collector.yaml").read_text())
    prometheus = yaml.safe_load((HERE / "prometheus-kubernetes.yaml").read_text())
    (scraped,) = collector["receivers"]["prometheus"]["config"]["scrape_configs"]

    assert scraped.pop("scrape_interval") == prometheus["global"]["scrape_interval"]
    assert [scraped] == prometheus["scrape_configs"]
