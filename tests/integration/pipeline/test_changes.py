"""What was changed is kept once, from its first moment, and found by domain, service and time."""

from datetime import datetime, timedelta

import pytest

from bot.domain.change import Change
from bot.domain.event import MAX_NAME_BYTES, ChangeEvent, ChangeKind
from bot.storage.database import Database
from bot.storage.queries import changes
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline


def deploy(clock: Clock, id_: str = "1", *, service: str = "checkout", cluster: str = "eu", **said: str) -> ChangeEvent:
    kind, labels = ChangeKind.DEPLOY, {"cluster": cluster}
    told = {"title": "checkout 1.4.2", "version": "1.4.2", **said}
    return ChangeEvent("changes", id_, service, kind, at=clock(), labels=labels, **told)


async def found(
    pipeline: Pipeline,
    services: tuple[str, ...] = ("checkout",),
    domains: tuple[str, ...] = ("eu",),
    since: timedelta = timedelta(hours=1),
    until: datetime | None = None,
) -> list[Change]:
    until = until or pipeline.clock.now
    async with pipeline.database.read() as connection:
        return await changes.between(connection, domains, services, pipeline.clock.now - since, until)


async def test_a_change_is_kept_as_it_was_told(pipeline: Pipeline, clock: Clock) -> None:
    await pipeline.send(deploy(clock, actor="ann", link="https://ci.example/1"))
    assert await found(pipeline) == [
        Change(
            source="changes",
            id="1",
            domain="eu",
            service="checkout",
            change=ChangeKind.DEPLOY,
            title="checkout 1.4.2",
            at=clock.now,
            actor="ann",
            version="1.4.2",
            link="https://ci.example/1",
        )
    ]


async def test_a_change_told_twice_is_one_that_keeps_its_first_moment_and_says_what_was_said_last(
    pipeline: Pipeline, clock: Clock
) -> None:
    began = clock.now
    await pipeline.send(deploy(clock, title="checkout 1.4.2 (running)", version=""))
    clock.pass_(minutes=5)
    await pipeline.send(deploy(clock, title="checkout 1.4.2 (success)"))
    [change] = await found(pipeline)
    assert (change.at, change.title, change.version) == (began, "checkout 1.4.2 (success)", "1.4.2")


async def test_what_was_overtaken_moves_the_beginning_back_and_the_last_word_stays(
    pipeline: Pipeline, clock: Clock
) -> None:
    late = deploy(clock, title="checkout 1.4.2 (running)")
    clock.pass_(minutes=5)
    await pipeline.send(deploy(clock, title="checkout 1.4.2 (success)"))
    await pipeline.send(late)
    [change] = await found(pipeline)
    assert (change.at, change.title) == (late.at, "checkout 1.4.2 (success)")


async def test_told_twice_in_one_delivery_it_is_still_one(pipeline: Pipeline, clock: Clock) -> None:
    await pipeline.send(deploy(clock), deploy(clock), deploy(clock, "2"))
    assert [change.id for change in await found(pipeline)] == ["1", "2"]


async def test_one_id_of_two_senders_are_two_changes(pipeline: Pipeline, clock: Clock) -> None:
    other = ChangeEvent("argocd", "1", "checkout", ChangeKind.DEPLOY, "synchronised", clock(), {"cluster": "eu"})
    await pipeline.send(deploy(clock), other)
    assert sorted(change.source for change in await found(pipeline)) == ["argocd", "changes"]


async def test_a_change_is_found_by_its_service_and_domain_alone(pipeline: Pipeline, clock: Clock) -> None:
    await pipeline.send(deploy(clock, "1"), deploy(clock, "2", service="cart"), deploy(clock, "3", cluster="us"))
    assert [change.id for change in await found(pipeline)] == ["1"]
    assert {change.id for change in await found(pipeline, ("checkout", "cart"), ("eu", "us"))} == {"1", "2", "3"}
    assert (
        await found(pipeline, ("payments",)) == await found(pipeline, domains=("",)) == await found(pipeline, ()) == []
    )


async def test_the_latest_comes_first_and_both_ends_of_the_span_count(pipeline: Pipeline, clock: Clock) -> None:
    for id_ in ("1", "2", "3"):
        await pipeline.send(deploy(clock, id_))
        clock.pass_(minutes=10)
    twenty = timedelta(minutes=20)
    assert [change.id for change in await found(pipeline)] == ["3", "2", "1"]
    assert [change.id for change in await found(pipeline, since=twenty)] == ["3", "2"]
    assert [change.id for change in await found(pipeline, until=clock.now - twenty)] == ["2", "1"]
    assert await found(pipeline, since=timedelta(minutes=9)) == []


async def test_of_very_many_changes_the_latest_hundred_are_found(pipeline: Pipeline, clock: Clock) -> None:
    told = []
    for id_ in range(150):
        clock.pass_(seconds=1)
        told.append(deploy(clock, f"{id_:03}"))
    await pipeline.send(*told)
    ids = [change.id for change in await found(pipeline)]
    assert ids == [f"{id_:03}" for id_ in range(149, 49, -1)]


async def test_names_too_long_for_an_index_are_shortened_and_stay_different(pipeline: Pipeline, clock: Clock) -> None:
    long = "long" * 2000
    await pipeline.send(deploy(clock, long + "1"), deploy(clock, long + "2"), deploy(clock, "3", service=long))
    first, second = await found(pipeline)
    assert first.id != second.id
    assert max(len(change.id.encode()) for change in (first, second)) <= MAX_NAME_BYTES


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_no_change_at_all_writes_nothing(database: Database, clock: Clock) -> None:
    async with database.write() as connection:
        await changes.save(connection, [])
        assert await changes.between(connection, ["eu"], ["checkout"], clock(), clock()) == []
