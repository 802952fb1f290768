"""Snapshots of what watches learnt: read in bites, and marked with how far they reach."""

from bot.storage.database import Database
from bot.storage.queries import snapshots as detector_state
from tests.conftest import Clock


async def test_snapshots_are_read_in_the_order_of_their_names_a_few_at_a_time(database: Database, clock: Clock) -> None:
    names = [f"{kind}:{n:03}" for kind in ("group", "series") for n in range(5)]
    async with database.write() as connection:
        await detector_state.save(connection, 1, "metrics", {name: name.encode() for name in names}, 7, clock.now)
        await detector_state.save(connection, 2, "metrics", {"series:other": b""}, 7, clock.now)
        await detector_state.mark(connection, 1, "metrics", 5, clock.now)
        pages = [page async for page in detector_state.pages(connection, 1, "metrics", size=4)]
    assert [len(page) for page in pages] == [4, 4, 2]
    assert [name for page in pages for name in page] == names
    assert pages[0]["group:000"] == (7, b"group:000")


async def test_a_mark_says_how_far_the_snapshots_of_one_watch_in_one_partition_reach(
    database: Database, clock: Clock
) -> None:
    async with database.write() as connection:
        await detector_state.mark(connection, 1, "metrics", 5, clock.now)
        await detector_state.mark(connection, 1, "metrics", 8, clock.now)
        await detector_state.mark(connection, 3, "metrics", 2, clock.now)
        await detector_state.mark(connection, 1, "others", 4, clock.now)
        assert await detector_state.marks(connection, "metrics") == {1: 8, 3: 2}
        assert await detector_state.mark_of(connection, 1, "others") == 4
        assert await detector_state.mark_of(connection, 2, "metrics") is None
