"""One run at a time on a target, in the database: whoever asks at once, from whichever replica."""

import asyncio
from datetime import UTC, datetime, timedelta

from bot.domain.run import Plan, Run, RunStatus, plan_hash
from bot.storage.database import Database
from bot.storage.queries import runs

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def _run(database: Database, run_id: str, *targets: str) -> Run:
    plan = Plan("restart", "", run_id, [], [], 5.0, False, targets=list(targets))
    run = Run(
        id=run_id,
        incident_id="i",
        partition=0,
        runbook="restart",
        plan=plan,
        plan_hash=plan_hash(plan),
        status=RunStatus.RUNNING,
        approvers=["U1"],
        required=1,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )
    async with database.write() as connection:
        await runs.save(connection, [run])
    return run


async def _take(database: Database, run: Run, domain: str = "eu") -> str:
    """The id of the run that is in the way; empty where it took its targets."""
    async with database.write() as connection:
        holder = await runs.take_targets(connection, domain, run.plan.targets, run.id, NOW)
    return holder.id if holder else ""


async def test_of_runs_that_ask_at_once_one_gets_the_target_and_the_others_are_told_which(database: Database) -> None:
    asking = [await _run(database, f"run-{n}", "cart", f"own-{n}") for n in range(6)]
    found = await asyncio.gather(*(_take(database, run) for run in asking))
    [winner] = [run for run, holder in zip(asking, found, strict=True) if not holder]
    assert {holder for holder in found if holder} == {winner.id}


async def test_who_does_not_get_all_of_its_targets_holds_none(database: Database) -> None:
    first, second, third = (
        await _run(database, "first", "cart"),
        await _run(database, "second", "api", "cart"),
        await _run(database, "third", "api"),
    )
    assert await _take(database, first) == ""
    assert await _take(database, second) == "first"
    assert await _take(database, third) == ""


async def test_a_target_is_free_once_its_run_has_given_it_back_or_is_gone(database: Database) -> None:
    first, second = await _run(database, "first", "cart"), await _run(database, "second", "cart")
    assert await _take(database, first) == ""
    assert await _take(database, first) == ""  # again, after a crash
    assert await _take(database, second) == "first"
    async with database.write() as connection:
        await runs.release_targets(connection, "first")
    assert await _take(database, second) == ""
    gone = await _run(database, "third", "mail")
    async with database.write() as connection:
        await runs.take_targets(connection, "eu", ["mail"], "never-stored", NOW)
    assert await _take(database, gone) == ""


async def test_a_service_of_the_same_name_in_another_domain_is_another_target(database: Database) -> None:
    first, second = await _run(database, "first", "cart"), await _run(database, "second", "cart")
    assert [await _take(database, first, "eu"), await _take(database, second, "us")] == ["", ""]
