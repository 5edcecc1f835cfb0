"""What a document names is there: keys, ports, metrics, alerts, links, verbs, programs and files."""

import re
from itertools import chain
from pathlib import Path

import pytest

from gateway.event_stream import HEARTBEAT_SECONDS
from gateway.websocket_protocol import PING_SECONDS
from tests.documents import known
from tests.documents.document import Document, read
from tests.documents.findings import findings
from tests.documents.known import ROOT

DOCUMENTS = sorted(
    chain([ROOT / "README.md"], (ROOT / "docs").rglob("*.md"), (ROOT / "deploy").rglob("*.md")),
)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_everything_that_it_names_is_there(path: Path) -> None:
    assert findings(read(path)) == []


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("README.md", r"may be silent for (\d+) s"),
        ("docs/OPERATIONS.md", r"idle time-out above (\d+) s"),
        ("deploy/k8s/README.md", r"may be silent for (\d+) s"),
    ],
)
def test_proxies_are_told_to_bear_the_longest_silence_of_a_stream(document: str, says: str) -> None:
    text = " ".join((ROOT / document).read_text().split())

    assert [float(seconds) for seconds in re.findall(says, text)] == [max(HEARTBEAT_SECONDS, PING_SECONDS)]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("Set `AWS_SQS_DQL_URL`.", "AWS_SQS_DQL_URL is no environment key, and no name in the code"),
        ("Set `JWT_SECRETT_FILE`.", "JWT_SECRETT_FILE is no environment key, and no name in the code"),
        ("```\nMONGO_URL=mongodb://db\n```", "MONGO_URL is no environment key, and no name in the code"),
        ("It listens on port 50061.", "50061 is no port of ours"),
        ("See <http://localhost:5050/api/docs>.", "5050 is no port of ours"),
        ("`ordermesh_notifier_pausd` is 1.", "ordermesh_notifier_pausd is no metric"),
        ("```\nrate(grpc_server_handeld_total[5m])\n```", "grpc_server_handeld_total is no metric"),
        ("See [there](docs/NOWHERE.md).", "docs/NOWHERE.md leads to nothing"),
        ("See [there](docs/SECURITY.md#nothing).", "docs/SECURITY.md#nothing leads to no heading"),
        ("See [below](#nothing).", "#nothing leads to no heading"),
        ("`make nothing` does it.", "make nothing is no target of the Makefile"),
        ("```sh\nSEED=1 make tets\n```", "make tets is no target of the Makefile"),
        ("Run `python -m bench.nothing`.", "python -m bench.nothing is no program"),
        ("See `services/orders/relays.py`.", "services/orders/relays.py is no file here"),
        ("See `relays.py`.", "relays.py is no file here"),
    ],
)
def test_a_wrong_name_is_found(text: str, finding: str) -> None:
    assert findings(Document(ROOT / "README.md", text)) == [finding]


def test_a_wrong_alert_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("groups: [{name: orders, rules: [{alert: OrderMeshQueueLag, expr: up}]}]")
    monkeypatch.setattr(known, "alerts", lambda: known.alerts_in(rules))
    document = Document(ROOT / "README.md", "# OrderMeshQueueLag\n\n`OrderMeshQueueLagg`\n\n# OrderMeshLag\n")

    assert findings(document) == ["OrderMeshLag is no alert", "OrderMeshQueueLagg is no alert"]


def test_right_names_are_taken() -> None:
    text = """
# What is right
`JWT_SECRET`, `JWT_SECRET_FILE`, `OUT_OF_STOCK`, port 50051, `localhost:5000`.
`grpc_server_handling_seconds_bucket`, `ordermesh_notifier_mails_total`, `ordermesh_<process>_...`, `grpc_server_*`.
[here](docs/SECURITY.md#rotating-secrets), [above](#what-is-right), [out](https://example.com/x.md#y).
`make test`, `SEED=3 make test-faults`, `python -m bench.audit`, `services/{orders,auth}/app.py`, `relay.py`,
`services/*/mongo_store.py`, `.local/env`, `/api/orders/{order_id}`.
```sh
DLQ=$(aws sqs create-queue --queue-name x)
MY_OWN=1
echo "$MY_OWN"
```
"""

    assert findings(Document(ROOT / "README.md", text)) == []
