"""A cluster that tests may change and break."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.kubernetes import Access, Cluster
from bot.kubernetes.actions import order
from tests.integration.kubernetes.api_server import ApiServer, api_server, kubeconfig
from tests.integration.kubernetes.things import rolls_out


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        running.controllers.append(rolls_out)
        yield running


@pytest.fixture
async def cluster(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(server, tmp_path)))
    monkeypatch.setattr(
        "kubernetes_asyncio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig")
    )
    monkeypatch.setattr(order, "POLL", 0.01)
    found = Cluster(Access("test", ("shop",)))
    yield found
    await found.close()
