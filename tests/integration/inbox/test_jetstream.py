"""The inbox in a stream of NATS JetStream, on a real server: what it keeps, refuses and survives."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import nats
import pytest

from bot.commands.parts.checks.finding import Finding, Mark
from bot.commands.parts.doctor import diagnose
from bot.commands.parts.recording import record
from bot.commands.parts.replay import read_log
from bot.config import Config
from bot.domain.event import LogLine, LogsEvent, SamplesEvent, Series, encode_events
from bot.domain.rules import Rules
from bot.errors import ConfigError, EventTooLarge, StorageUnavailable
from bot.inbox import jetstream_connection as jetstream
from bot.inbox.backlog import look
from bot.inbox.entries import Entry, NewEntry
from bot.inbox.inbox import Inbox, open_inbox
from bot.inbox.intake import Intake, entries_for
from bot.inbox.jetstream import JetStreamInbox
from bot.inbox.jetstream_connection import parse_address
from bot.inbox.switch import claim_offsets, owner_of_offsets
from bot.storage.database import Database, open_database
from handlers.http.endpoint import parse_delivery
from handlers.http.problem import not_stored
from tests.conftest import Clock
from tests.integration.inbox.jetstream_entries import NOW, entries_in, names_in, new_alert, new_entry, new_samples
from tests.integration.maintenance.retained import Retained
from tests.integration.pipeline_driver import Pipeline, make_alert
from tests.nats_server import NatsServer, new_server, remove


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = open_database(f"sqlite:///{tmp_path}/tandem.db")
    await database.migrate()
    yield database
    await database.close()


@pytest.fixture
def inbox_url(nats_server: NatsServer, request: pytest.FixtureRequest) -> str:
    return f"{nats_server.url}/?stream=S{abs(hash(request.node.name)) % 10**12}"


async def test_an_acknowledgement_that_is_lost_does_not_store_a_group_twice(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(inbox, JetStreamInbox)
    publish, tries = inbox._publish, 0

    async def lose_the_first(chunk: Sequence[NewEntry], name: str) -> object:
        nonlocal tries
        answer = await publish(chunk, name)
        if not (tries := tries + 1) % 2:
            return answer
        raise StorageUnavailable("the connection was lost")

    monkeypatch.setattr(inbox, "_publish", lose_the_first)
    await inbox.append([new_entry(new_alert("one"))])
    await inbox.append([new_entry(new_alert(name)) for name in ("a", "b", "c")])
    assert await names_in(inbox) == ["one", "a", "b", "c"]


async def test_a_group_that_is_refused_has_stored_nothing(nats_server: NatsServer) -> None:
    inbox = JetStreamInbox(f"{nats_server.url}/?stream=SMALL&max_bytes=20000")
    try:
        await inbox.prepare(0)
        with pytest.raises(StorageUnavailable, match="maximum bytes"):
            await inbox.append([new_entry(new_alert(f"{i}-{'x' * 500}")) for i in range(40)])
        assert await inbox.lag({0: 0}) == 0
    finally:
        await inbox.close()


async def test_a_full_stream_takes_nothing_more_and_loses_nothing_and_has_room_again_when_entries_go(
    nats_server: NatsServer,
) -> None:
    inbox = JetStreamInbox(f"{nats_server.url}/?stream=FULL&max_bytes=6000")
    try:
        await inbox.prepare(0)
        kept: list[str] = []
        with pytest.raises(StorageUnavailable, match="FULL: maximum bytes"):
            for i in range(100):
                await inbox.append([new_entry(new_alert(f"{i}"))])
                kept.append(f"{i}")
        assert await names_in(inbox) == kept
        await inbox.drop(0, (await entries_in(inbox, 0))[-1].seq)
        await inbox.append([new_entry(new_alert("later"))])
        assert await names_in(inbox) == ["later"]
    finally:
        await inbox.close()


async def test_more_than_a_batch_takes_is_stored_in_order(inbox: Inbox) -> None:
    names = [str(i) for i in range(2100)]
    await inbox.append([new_entry(new_alert(name), partition=i % 2) for i, name in enumerate(names)])
    assert (await names_in(inbox, 0), await names_in(inbox, 1)) == (names[::2], names[1::2])
    raw = await inbox.raw_entries_after(0, 3000)
    assert [(source, at) for _, source, at, _ in raw] == [("test", NOW)] * 2100
    assert await inbox.lag({0: raw[99][0], 1: 0}) == 2100 - 50


async def _all_of(inbox: Inbox, partition: int) -> list[Entry]:
    found: list[Entry] = []
    while more := (await inbox.entries_after(partition, found[-1].seq if found else 0, 100)).entries:
        found += more
    return found


async def test_what_is_larger_than_a_message_of_the_server_is_split_and_loses_nothing(inbox: Inbox) -> None:
    series = [Series({"name": f"{i}-{'x' * 60}"}, [1, 2], [0.5, 1.5]) for i in range(15_000)]
    lines = [LogLine(i, "x" * 100) for i in range(15_000)]
    alerts = [new_alert(f"{i}-{'x' * 200}") for i in range(6_000)]
    logs, samples = LogsEvent("otlp", {"a": "b"}, lines), SamplesEvent("otlp", {"a": "b"}, series)
    entries = inbox.fitted([new_entry(samples), new_entry(logs, partition=1), new_entry(*alerts, partition=2)])
    assert max(len(entry.payload) for entry in entries) < 2**20 < min(map(len, map(encode_events, ([logs], [samples]))))
    await inbox.append(entries)
    events = [[e for entry in await _all_of(inbox, p) for e in entry.events] for p in range(3)]
    assert [s for event in events[0] if isinstance(event, SamplesEvent) for s in event.series] == series
    assert [line for event in events[1] if isinstance(event, LogsEvent) for line in event.lines] == lines
    assert events[2] == alerts


async def test_an_event_that_no_message_can_hold_is_refused_and_does_not_hold_up_others(inbox: Inbox) -> None:
    intake = Intake(inbox)
    intake.start()
    giant = msgspec.structs.replace(new_alert("giant"), annotations={"text": "x" * 2**20})
    answers = await asyncio.gather(
        intake.append([new_entry(giant)]), intake.append([new_entry(new_alert("small"))]), return_exceptions=True
    )
    await intake.stop()
    assert [type(answer) for answer in answers] == [EventTooLarge, type(None)]
    assert await names_in(inbox) == ["small"]


async def test_pruning_deletes_old_entries_of_one_kind_of_one_partition_and_nothing_else(inbox: Inbox) -> None:
    ages = [timedelta(minutes=minutes) for minutes in (90, 80, 70, 30, 10)]
    for age in ages:
        await inbox.append([new_samples(NOW - age), new_samples(NOW - age, 1), new_entry(new_alert(str(age)))])
    entries = await entries_in(inbox, 0)
    last = [new_alert(str(ages[3]))]
    until = next(entry.seq for entry in entries if entry.received_at == NOW and entry.events == last)
    hour_ago = NOW - timedelta(hours=1)
    reached = await inbox.prune(SamplesEvent, 0, 0, entries[2].seq, hour_ago, 500)
    assert reached == entries[2].seq
    while (further := await inbox.prune(SamplesEvent, 0, reached, until, hour_ago, 500)) > reached:
        reached = further
    assert [entry.received_at for entry in await entries_in(inbox, 0) if entry.received_at != NOW] == [
        NOW - ages[3],
        NOW - ages[4],
    ]
    assert len(await names_in(inbox)) == 5
    assert len(await entries_in(inbox, 1)) == 5


async def test_the_oldest_entries_are_those_before_a_moment_and_a_position_and_can_be_dropped(inbox: Inbox) -> None:
    for minutes in (50, 40, 30, 20):
        await inbox.append([new_entry(new_alert(str(minutes)), received_at=NOW - timedelta(minutes=minutes))])
        await inbox.append([new_entry(new_alert("another"), partition=1, received_at=NOW - timedelta(days=1))])
    seqs = [entry.seq for entry in await entries_in(inbox, 0)]
    old = await inbox.oldest(0, seqs[3], NOW - timedelta(minutes=25), 10)
    assert [entry[0] for entry in old] == seqs[:3]
    assert [entry[0] for entry in await inbox.oldest(0, seqs[1], NOW, 10)] == seqs[:2]
    await inbox.drop(0, seqs[1])
    assert [entry.seq for entry in await entries_in(inbox, 0)] == seqs[2:]
    assert await inbox.lag({0: 0, 1: 0}) == 6


async def test_what_somebody_else_put_into_the_stream_is_set_aside_and_archived_and_holds_up_nobody(
    database: Database, inbox: JetStreamInbox, inbox_url: str, clock: Clock, tmp_path: Path
) -> None:
    stream = parse_address(inbox_url).stream
    await claim_offsets(database, inbox, 1)
    await inbox.server.request(f"{stream.lower()}.inbox.0.events", b"\xff no entry of ours")
    pipeline = Pipeline(database, inbox, clock, Rules(partitions=1))
    clock.now = datetime.now(UTC)
    assert (await look(database, inbox)).entries == 1
    await pipeline.send(make_alert(clock)())
    assert len(await pipeline.incidents()) == 1
    clock.pass_(days=5)
    retained = Retained(pipeline, tmp_path / "archive")
    await retained.clean()
    assert await retained.entries() == []
    assert [row["source"] for row in retained.archived("events")] == ["", "alertmanager"]


async def test_a_stream_that_was_made_anew_takes_nothing_that_nobody_would_look_for(
    inbox: Inbox, inbox_url: str
) -> None:
    assert isinstance(inbox, JetStreamInbox)
    await inbox.append([new_entry(new_alert("a")), new_entry(new_alert("b"))])
    await inbox.server.call_api(f"STREAM.DELETE.{parse_address(inbox_url).stream}", {})
    other = JetStreamInbox(inbox_url)
    await other.prepare(0)
    await other.close()
    with pytest.raises(StorageUnavailable, match="made anew"):
        await inbox.append([new_entry(new_alert("c"))])


async def test_a_stream_in_which_something_could_be_lost_is_not_used(nats_server: NatsServer) -> None:
    client = await nats.connect(
        nats_server.url.replace("tandem:p%40ss%2Fword@", ""), user="tandem", password="p@ss/word"
    )
    await client.jetstream().add_stream(name="LOSSY", subjects=["lossy.inbox.*.*"], max_age=60)
    await client.close()
    inbox = JetStreamInbox(f"{nats_server.url}/?stream=LOSSY")
    with pytest.raises(ConfigError, match=r"discard must be 'new'.*max_age must not be set"):
        await inbox.prepare(0)
    await inbox.close()


async def _worked(database: Database, inbox: Inbox, clock: Clock, *names: str) -> Pipeline:
    """A pipeline that has worked through an alert a service."""
    pipeline = Pipeline(database, inbox, clock, Rules())
    make = make_alert(clock)
    for name in names:
        await pipeline.send(make(service=name))
    return pipeline


async def test_switching_to_a_stream_and_back_skips_nothing_and_repeats_nothing(
    database: Database, inbox_url: str, clock: Clock
) -> None:
    async def begin(url: str | None, given_up: str | None = None) -> Inbox:
        inbox = open_inbox(database, url)
        await claim_offsets(database, inbox, Rules().partitions, given_up)
        return inbox

    first = await begin(None)
    await _worked(database, first, clock, "a", "b")
    await first.close()
    second = await begin(inbox_url)
    await _worked(database, second, clock, "c")
    await second.close()
    with pytest.raises(ConfigError, match="TANDEM_INBOX_LEFT='stream S"):
        await begin(None)
    third = await begin(None, given_up=await owner_of_offsets(database))
    pipeline = await _worked(database, third, clock, "d")
    await third.close()
    assert [incident.services for incident in await pipeline.incidents()] == [["a"], ["b"], ["c"], ["d"]]
    assert [incident.version for incident in await pipeline.incidents()] == [1, 1, 1, 1]


async def test_an_inbox_is_not_left_while_entries_wait_in_it(database: Database, inbox: Inbox, clock: Clock) -> None:
    old = open_inbox(database)
    await claim_offsets(database, old, Rules().partitions)
    await old.append(entries_for([make_alert(clock)()], "alertmanager", clock.now, [], Rules().partitions))
    await old.close()
    with pytest.raises(ConfigError, match=r"belong to another inbox \(database\).*1 entries wait there"):
        await claim_offsets(database, inbox, Rules().partitions)
    assert await owner_of_offsets(database) == "database"
    await claim_offsets(database, inbox, Rules().partitions, given_up="database")
    assert await owner_of_offsets(database) == inbox.identity


async def test_a_stream_that_was_deleted_and_made_anew_is_another_inbox(
    database: Database, inbox: Inbox, inbox_url: str, clock: Clock
) -> None:
    assert isinstance(inbox, JetStreamInbox)
    await claim_offsets(database, inbox, Rules().partitions)
    await _worked(database, inbox, clock, "a")
    await inbox.server.call_api(f"STREAM.DELETE.{parse_address(inbox_url).stream}", {})
    anew = JetStreamInbox(inbox_url)
    try:
        with pytest.raises(ConfigError, match="belong to another inbox"):
            await claim_offsets(database, anew, Rules().partitions)
        await claim_offsets(database, anew, Rules().partitions, await owner_of_offsets(database))
        pipeline = await _worked(database, anew, clock, "b")
        assert [incident.services for incident in await pipeline.incidents()] == [["a"], ["b"]]
    finally:
        await anew.close()


async def test_a_stream_that_was_restored_from_a_backup_goes_on_without_skipping_what_comes(
    database: Database, own_server: NatsServer, own: JetStreamInbox, clock: Clock
) -> None:
    await claim_offsets(database, own, Rules().partitions)
    await _worked(database, own, clock, "a")
    store, backup = own_server.folder / "jetstream", own_server.folder / "backup"
    await asyncio.to_thread(own_server.stop)
    shutil.copytree(store, backup)
    await asyncio.to_thread(own_server.start)
    await _worked(database, own, clock, "b", "c")
    await asyncio.to_thread(own_server.stop)
    shutil.rmtree(store)
    backup.rename(store)
    await asyncio.to_thread(own_server.start)
    await claim_offsets(database, own, Rules().partitions)
    pipeline = await _worked(database, own, clock, "d")
    assert [incident.services for incident in await pipeline.incidents()] == [["a"], ["b"], ["c"], ["d"]]
    assert [incident.version for incident in await pipeline.incidents()] == [1, 1, 1, 1]


async def test_a_user_who_may_do_no_more_than_the_manual_says_can_keep_an_inbox(tmp_path: Path) -> None:
    server = new_server(tmp_path / "nats")
    try:
        allowed = '["$JS.API.>", "_INBOX.>", "tandem.inbox.>"]'
        server.start(user_may=f"{{ publish: {allowed}, subscribe: {allowed} }}")
        inbox = JetStreamInbox(server.url)
        await inbox.prepare(0)
        await inbox.append([new_entry(new_alert("a")), new_entry(new_alert("b"))])
        assert await names_in(inbox) == ["a", "b"]
        await inbox.drop(0, 1)
        await inbox.close()
    finally:
        remove(server)


async def test_a_recording_holds_what_is_in_the_stream(
    database: Database, inbox: Inbox, inbox_url: str, tmp_path: Path, clock: Clock
) -> None:
    await claim_offsets(database, inbox, Rules().partitions)
    await _worked(database, inbox, clock, "a", "b")
    log = tmp_path / "log.jsonl"
    assert await record(f"sqlite:///{tmp_path}/tandem.db", log, inbox_url) == (2, 2)
    read = list(read_log(log, parse_delivery))
    assert [(source, [event.labels["service"] for event in events]) for _, source, events in read] == [
        ("alertmanager", ["a"]),
        ("alertmanager", ["b"]),
    ]


def test_what_can_never_be_kept_is_answered_with_413() -> None:
    assert not_stored(EventTooLarge("one event is too large")).status == 413


async def test_the_doctor_says_which_stream_it_is_and_when_it_cannot_be_reached(
    own_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def said() -> Finding:
        findings = await diagnose(lambda: Config.model_validate({"slack": {"channel": "#incidents"}}))
        return next(finding for finding in findings if finding.subject == "inbox")

    monkeypatch.setattr(jetstream, "CONNECT_SECONDS", 1.0)
    monkeypatch.setenv("TANDEM_DATABASE_URL", f"sqlite:///{tmp_path}/t.db")
    monkeypatch.setenv("TANDEM_INBOX_URL", own_server.url)
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    assert "no stream yet" in (await said()).text
    inbox = JetStreamInbox(own_server.url)
    await inbox.prepare(0)
    await inbox.append([new_entry(new_alert("a"))])
    await inbox.close()
    found = await said()
    assert (found.mark, "1 entries, 1 replicas" in found.text, "p@ss" in found.text) == (Mark.OK, True, False)
    monkeypatch.setenv("TANDEM_INBOX_URL", own_server.url.replace("p%40ss", "wrong"))
    found = await said()
    assert (found.mark, "Authorization Violation" in found.text, "wrong" in found.text) == (Mark.FAIL, True, False)
    own_server.kill()
    assert (await said()).failed


@pytest.mark.parametrize(
    "url",
    ["http://host", "nats://", "nats://host/?replicas=many", "nats://host/?stream=a.b", "nats://u:secret@host/?what=1"],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_address(url)
    assert "secret" not in str(refused.value)


def test_an_address_says_servers_login_and_stream() -> None:
    address = parse_address("tls://tandem:p%40ss@one:4222,two:4223/?stream=PROD&replicas=3&max_bytes=1000")
    assert (address.servers, address.user, address.password) == (["tls://one:4222", "tls://two:4223"], "tandem", "p@ss")
    assert (address.stream, address.replicas, address.max_bytes, "p@ss" in str(address)) == ("PROD", 3, 1000, False)
