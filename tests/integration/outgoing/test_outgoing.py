"""Outgoing events: signed, in order per incident, at least once, and only to addresses that are meant."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec
import pytest

from bot.commands.parts import outgoing as command
from bot.commands.parts.checks.finding import Mark
from bot.commands.parts.checks.outgoing import check_outgoing
from bot.components.outgoing import _attempt
from bot.config import Config, Environment
from bot.domain.event import AlertEvent
from bot.domain.incident import Incident, TimelineEntry, TimelineKind
from bot.domain.outgoing.event import OutgoingEvent
from bot.storage.database import Database
from bot.storage.queries import incidents
from bot.storage.queries.outgoing import deliveries
from handlers.api.shapes import EventShape
from tests.integration.notify.forward_proxy import ForwardProxy
from tests.integration.outgoing.receiving import Itsm, sending, signature
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def _note(pipeline: Pipeline, incident: Incident, text: str, kind: TimelineKind = TimelineKind.NOTE) -> None:
    entry = TimelineEntry(incident_id=incident.id, at=pipeline.clock(), kind=kind, text=text)
    async with pipeline.database.write() as connection:
        await incidents.add_to_timeline(connection, [entry])


async def _failing(database: Database) -> list[OutgoingEvent]:
    async with database.read() as connection:
        return await deliveries.failing(connection, 100)


def _receives(itsm: Itsm, **more: object) -> Config:
    return Config.model_validate({"outgoing": [{"url": itsm.url, "allow_private": True, **more}]})


def _texts(itsm: Itsm, incident: Incident) -> list[str]:
    return [body["data"]["text"] for body in itsm.bodies() if body["subject"] == incident.id]


async def test_what_happens_is_sent_once_in_order_as_signed_cloudevents(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(service="before"))
    async with sending(pipeline.database, pipeline.clock) as (itsm, one):
        await pipeline.send(alert(service="cart"))
        incident = (await pipeline.incidents())[-1]
        await _note(pipeline, incident, "scaled out", TimelineKind.RUN)
        await one.works()
        await one.works(seconds=60)
        assert {body["subject"] for body in itsm.bodies()} == {incident.id}, "a new receiver begins with now"
        assert (itsm.names()[0], itsm.names()[-1]) == ("incident.opened", "run.changed")
        assert _texts(itsm, incident) == await pipeline.timeline_of(incident)
        _, headers, body = itsm.requests[0]
        event = msgspec.json.decode(body)
        assert headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
        assert (event["specversion"], event["source"], event["datacontenttype"]) == (
            "1.0",
            "/tandem",
            "application/json",
        )
        assert (event["id"], event["data"]["at"]) == (headers["webhook-id"], event["time"])
        assert headers["webhook-signature"] == signature(headers, body)
        assert set(event["data"]) == set(EventShape.__struct_fields__)
        assert msgspec.convert(event["data"], EventShape, strict=False).number == incident.number
        sequences = [each["sequence"] for each in itsm.bodies()]
        assert sequences == sorted(set(sequences))


async def test_what_fails_is_tried_again_with_the_same_id_also_after_a_restart_and_nothing_overtakes_it(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    async with sending(pipeline.database, pipeline.clock) as (itsm, one):
        await pipeline.send(alert(service="cart"))
        first = await pipeline.only_incident()
        itsm.statuses = [500]
        await one.works()
        await _note(pipeline, first, "a later note")
        await one.works(seconds=1)
        assert len(itsm.requests) == 1, "what comes later in the incident waits"
        assert [event.reason for event in await _failing(pipeline.database)] == ["it answers with status 500"]
        await pipeline.send(alert(service="search"))
        other = (await pipeline.incidents())[-1]
        await one.works()
        assert _texts(itsm, other) == await pipeline.timeline_of(other), "another incident does not wait"
        one.restart()
        await one.works(seconds=1)
        expected = await pipeline.timeline_of(first)
        assert _texts(itsm, first) == [expected[0], *expected]
        (_, failed, body), *_ = itsm.requests
        [again] = [each for each in itsm.requests[1:] if each[1]["webhook-id"] == failed["webhook-id"]]
        assert again[2] == body
        assert int(again[1]["webhook-timestamp"]) == int(failed["webhook-timestamp"]) + 2
        assert again[1]["webhook-signature"] == signature(again[1], body)
        assert await _failing(pipeline.database) == []


class Killed(BaseException):
    """The process ends here."""


@on_sqlite
async def test_what_was_taken_just_before_a_crash_is_sent_again(pipeline: Pipeline, alert: MakeAlert) -> None:
    def crashing(attempt: Callable[[OutgoingEvent], Awaitable[None]]) -> Callable[[OutgoingEvent], Awaitable[None]]:
        async def killed(event: OutgoingEvent) -> None:
            await attempt(event)
            raise Killed

        return killed

    async with sending(pipeline.database, pipeline.clock) as (itsm, one):
        one.wrap = crashing
        one.restart()
        await pipeline.send(alert())
        with pytest.raises(Killed):
            await one.works()
        one.wrap = lambda attempt: attempt
        one.restart()
        await one.works()
        ids = [body["id"] for body in itsm.bodies()]
        assert ids[0] == ids[1]
        assert len(set(ids)) == len(await pipeline.timeline_of(await pipeline.only_incident()))


async def test_after_a_day_it_is_given_up_and_a_replay_sends_it_before_what_waits(
    pipeline: Pipeline, alert: MakeAlert, database_url: str
) -> None:
    environment = Environment.model_validate({"TANDEM_DATABASE_URL": database_url})
    async with sending(pipeline.database, pipeline.clock, events=["incident.opened", "incident.note"]) as (itsm, one):
        itsm.statuses = [503] * 1000
        await pipeline.send(alert())
        incident = await pipeline.only_incident()
        for _ in range(23):
            await one.works(hours=1)
        assert f"{one.receiver.shown}: 1 waiting, 0 given up" in await command.listed(environment)
        [finding] = await check_outgoing(pipeline.database, _receives(itsm))
        assert finding.mark is Mark.WARN and "it answers with status 503; 1 wait" in finding.text
        await one.works(hours=2)
        [finding] = await check_outgoing(pipeline.database, _receives(itsm))
        assert finding.mark is Mark.FAIL and "1 given up, last because" in finding.text and "503" in finding.text
        assert "tandem outgoing replay" in finding.advice and itsm.url not in finding.text
        assert await check_outgoing(pipeline.database, Config()) == [finding], "also of a receiver that was taken out"
        tried = len(itsm.requests)
        assert 20 < tried < 200
        await one.works(hours=20)
        assert len(itsm.requests) == tried
        listed = await command.listed(environment)
        assert f"{one.receiver.shown}: 0 waiting, 1 given up" in listed
        assert "incident.opened to" in listed
        assert "it answers with status 503" in listed
        assert itsm.url not in listed
        await _note(pipeline, incident, "a note")
        await one.works()
        assert await command.replay(environment, [10**6]) == "0 events are sent anew"
        assert await command.replay(environment, None) == "1 event is sent anew"
        itsm.statuses, itsm.requests = [], []
        pipeline.clock.now = max(pipeline.clock.now, datetime.now(pipeline.clock.now.tzinfo))
        await one.works(seconds=5)
        assert itsm.names() == ["incident.opened", "incident.note"]
        [finding] = await check_outgoing(pipeline.database, _receives(itsm))
        assert finding.mark is Mark.OK and await check_outgoing(pipeline.database, Config()) == []
        [missing, _] = await check_outgoing(pipeline.database, _receives(itsm, secret="NOWHERE"))
        assert missing.mark is Mark.FAIL and "TANDEM_SECRET_NOWHERE is not set" in missing.text


@on_sqlite
async def test_a_secret_in_a_file_is_replaced_without_a_restart(
    pipeline: Pipeline, alert: MakeAlert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, old, new = tmp_path / "itsm", "whsec_b2xkIGtleQ==", "whsec_bmV3IGtleQ=="
    file.write_text(old)
    monkeypatch.setenv("TANDEM_SECRET_ROTATED_FILE", str(file))

    def configured(attempt: object) -> Callable[[OutgoingEvent], Awaitable[None]]:
        return partial(_attempt, one.session, one.receiver, pipeline.clock)

    async with sending(pipeline.database, pipeline.clock, secret="ROTATED") as (itsm, one):
        one.wrap = configured
        one.restart()
        await pipeline.send(alert())
        await one.works()
        before = len(itsm.requests)
        for lines in (f"{old}\n{new}\n", new):
            other = tmp_path / "other"
            other.write_text(lines)
            other.replace(file)
            await _note(pipeline, await pipeline.only_incident(), "a note")
            await one.works(seconds=5)
    signatures = [headers["webhook-signature"].split() for _, headers, _ in itsm.requests[before - 1 :]]
    assert [len(some) for some in signatures] == [1, 2, 1], "while one replaces the other, both sign"


@on_sqlite
async def test_a_redirect_is_not_followed(pipeline: Pipeline, alert: MakeAlert) -> None:
    async with sending(pipeline.database, pipeline.clock, events=["incident.opened"]) as (itsm, one):
        for status, location in ((302, "http://169.254.169.254/latest"), (307, "/elsewhere")):
            itsm.statuses, itsm.location = [status], location
            await pipeline.send(alert(service=f"service-{status}"))
            await one.works()
        assert [path for path, _, _ in itsm.requests] == ["/hook", "/hook"]
        assert [event.reason for event in await _failing(pipeline.database)] == ["status 302", "status 307"]
        itsm.location = ""
        await one.works(minutes=1)
        assert await _failing(pipeline.database) == []


@on_sqlite
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1", "0.0.0.0"]
)
async def test_an_address_that_is_not_public_is_not_called_however_it_is_spelt(
    pipeline: Pipeline, alert: MakeAlert, host: str
) -> None:
    def elsewhere(itsm: Itsm) -> str:
        return itsm.url.replace("127.0.0.1", host)

    async with sending(pipeline.database, pipeline.clock, url=elsewhere, allow_private=False) as (itsm, one):
        await pipeline.send(alert())
        await one.works()
        assert itsm.requests == []
        [event] = await _failing(pipeline.database)
        assert "its address is not public" in event.reason


@on_sqlite
async def test_without_its_secret_nothing_is_sent_and_the_list_says_which(pipeline: Pipeline, alert: MakeAlert) -> None:
    async with sending(pipeline.database, pipeline.clock, secret="OTHER") as (itsm, one):
        await pipeline.send(alert())
        await one.works()
        assert itsm.requests == []
        [event] = await _failing(pipeline.database)
        assert event.reason == "not sent: TANDEM_SECRET_OTHER is not set"


@on_sqlite
async def test_behind_a_proxy_a_name_goes_by_it_and_what_is_private_here_is_still_refused(
    pipeline: Pipeline, alert: MakeAlert, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ForwardProxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        reason = partial(_reason_behind_a_proxy, pipeline, alert)
        assert "its address is not public" in await reason("http://localhost:1/hook")
        assert "its address is not public" in await reason("http://127.1:1/hook")
        assert proxy.asked == []
        assert "not public" not in await reason("http://itsm.invalid/hook")
        assert set(proxy.asked) == {"http://itsm.invalid/hook"}


async def _reason_behind_a_proxy(pipeline: Pipeline, alert: MakeAlert, url: str) -> str:
    async with sending(pipeline.database, pipeline.clock, url=url, allow_private=False) as (_, one):
        await pipeline.send(alert(name=url))
        await one.works()
    return next(event.reason for event in await _failing(pipeline.database) if event.receiver == one.receiver.key)


@on_sqlite
async def test_a_receiver_of_ones_own_network_goes_by_the_proxy_of_the_environment(
    pipeline: Pipeline, alert: MakeAlert, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ForwardProxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        async with sending(pipeline.database, pipeline.clock) as (itsm, one):
            await pipeline.send(alert())
            await one.works()
            assert len(itsm.requests) >= 1
            assert set(proxy.asked) == {itsm.url}
