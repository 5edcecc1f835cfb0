"""``make k8s`` installs what these tests run; without it there is nothing to run them with."""

import pytest

from tests.k8s.renderings import TOOLS


@pytest.fixture(scope="session", autouse=True)
def tools() -> None:
    if not (TOOLS / "kubectl").exists():
        pytest.skip("kubectl is not installed: make tools")
