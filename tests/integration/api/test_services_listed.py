"""Services a page at a time: those that are described, those that were learnt, and those in trouble, in one order."""

from collections.abc import Callable

from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from bot.storage.queries.learnt_edges import KEPT, LearntEdge, learn
from tests.conftest import Clock
from tests.integration.api.programs import Program, api
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
LEARNT = [
    LearntEdge("eu-1", "Zoo", "älter"),
    LearntEdge("eu-1", "checkout", "cart_1"),
    LearntEdge("eu-1", "checkout", "db"),
    LearntEdge("us-2", "hidden", "secret"),
    LearntEdge("eu-1", "check-b", "_x"),
]
EVERY = ["Zoo", "_x", "api", "cart_1", "check-b", "checkout", "db", "hidden", "secret", "älter"]


async def _stocked(database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert) -> Pipeline:
    pipeline = await Pipeline(database, inbox, clock, Rules(depends_on={"api": ["db"], "checkout": ["db"]})).prepare()
    async with database.write() as connection:
        await learn(connection, 0, LEARNT, clock())
        await learn(connection, 1, [LearntEdge("eu-1", "old", "older")], clock() - KEPT - KEPT)
    await pipeline.send(alert(service="db", cluster="eu-1", severity="critical"))
    return pipeline


async def _pages(program: Program, limit: int, more: str = "") -> list[str]:
    names: list[str] = []
    cursor = ""
    while True:
        after = f"&cursor={cursor}" if cursor else ""
        page = await program.ok("GET", f"/api/services?limit={limit}{after}{more}")
        assert len(page["services"]) <= limit
        names += [one["name"] for one in page["services"]]
        if page["next"] is None:
            return names
        cursor = page["next"]


async def test_pages_of_any_size_have_every_service_once_in_order(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    async with api(await _stocked(database, inbox, clock, alert)) as programs:
        for limit in (1, 2, 3, 500):
            assert await _pages(programs.ci, limit) == EVERY
        assert await _pages(programs.eu, 2) == [name for name in EVERY if name not in ("hidden", "secret")]
        assert await _pages(programs.ci, 1, "&team=shop") == ["check-b", "checkout"], "check*"
        found = {one["name"]: one for one in (await programs.ci.ok("GET", "/api/services"))["services"]}
    assert found["checkout"]["depends_on"] == ["db", "cart_1"], "what is described first, each once"
    assert (found["db"]["severity"], found["db"]["incidents"]) == ("critical", [1])
    assert found["Zoo"]["depends_on"] == ["älter"] and found["Zoo"]["severity"] is None
