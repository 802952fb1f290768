"""Two replicas and a cluster: one of them watches, and when it goes the other one goes on from what was seen."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bot.app import App
from bot.config import Config, Environment, load_config
from bot.integrations.kubernetes import following, watching
from bot.kubernetes import Cluster
from bot.kubernetes.resources import DEPLOYMENTS
from tests.acceptance.harness import until
from tests.integration.kubernetes.api_server import ApiServer
from tests.integration.kubernetes.test_watch import listed, shop

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

TOKEN = "a-token-of-enough-length"
CONFIG = "kubernetes: {context: test, namespaces: [shop], watch: true}\n"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    for name in ("_LOOK", "_SAVE_EVERY", "_PLACES_EVERY"):
        monkeypatch.setattr(watching, name, 0.05)
    monkeypatch.setattr(following, "_LEAST", 0.05)
    path = tmp_path / "tandem.yaml"
    path.write_text(CONFIG)
    return load_config(path)[0]


@asynccontextmanager
async def replica(name: str, database_url: str, config: Config) -> AsyncIterator[App]:
    settings = {
        "TANDEM_DATABASE_URL": database_url,
        "TANDEM_SEAL_KEY": TOKEN,
        "TANDEM_WEBHOOK_TOKEN": TOKEN,
        "TANDEM_REPLICA": name,
    }
    async with App(Environment.model_validate(settings), config, port=0) as app:
        yield app


async def told(app: App, titles: set[str]) -> None:
    """Wait until these changes of the workload are known, each of them once."""
    found: list[str] = []

    async def known() -> bool:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"{app.url}/api/changes?service=checkout") as answer,
        ):
            found[:] = [one["title"] for one in (await answer.json())["changes"]]
        return set(found) >= titles

    await until(known, f"{titles} are told", 60)
    assert sorted(found) == sorted(titles)


def watches(server: ApiServer) -> int:
    """How often the deployments began to be listed: a replica that begins to watch lists them."""
    return sum(call.verb == "list" and call.resource == "deployments" for call in server.calls)


async def test_a_second_replica_takes_the_watch_over_and_tells_what_changed_meanwhile_once(
    server: ApiServer, cluster: Cluster, database_url: str, config: Config
) -> None:
    shop(server)
    scaled = {replicas: f"checkout: {before} → {replicas} replicas" for before, replicas in ((3, 5), (5, 7), (7, 9))}

    def scale(replicas: int) -> None:
        server.change(DEPLOYMENTS, "shop", "checkout", lambda one: one["spec"].update(replicas=replicas))

    async with AsyncExitStack() as first:
        one = await first.enter_async_context(replica("one", database_url, config))
        await listed(server)
        async with replica("two", database_url, config) as two:
            scale(5)
            await told(one, {scaled[5]})
            assert watches(server) == 1, "one of them watches"
            await first.aclose()
            scale(7)
            await told(two, {scaled[5], scaled[7]})
            assert watches(server) == 2, "the other one looks now, and at everything once"
            scale(9)
            await told(two, set(scaled.values()))
