"""What goes wrong becomes words for the person in one place, and whether somebody may do it is checked in one place."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.domain.run import RunStatus
from bot.domain.runbook import Runbook
from bot.domain.watched.telemetry import Watched
from bot.errors import Refused, StorageUnavailable
from bot.inbox.inbox import Inbox
from bot.incidents import permissions
from bot.incidents.permissions import Action
from bot.storage.database import Database
from bot.storage.queries import silences
from bot.storage.queries.deeds import tickets
from handlers.slack.answers import NotDone, or_words
from handlers.slack.arguments import BadArguments
from handlers.slack.calls import Click, OpenForm, SlackEndpoint, Submission
from handlers.slack.registry import actions, forms
from handlers.slack.reply import Reply
from handlers.slack.slash import answer
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
APPROVER = "U012AB3CD"
EXPIRED = SlackApiError("no", {"error": "expired_trigger_id"})  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Refused("Incident #3 is already resolved: nothing was changed."), "Incident #3 is already resolved"),
        (BadArguments("'<x>' is no matcher"), "'&lt;x&gt;' is no matcher\nAs in: `/incident split 12 service=cart`"),
        (StorageUnavailable("disk full"), "cannot reach its database at the moment: nothing was changed"),
        (EXPIRED, "Slack did not take that (`expired_trigger_id`)"),
        (aiohttp.ClientConnectionError("gone"), "Slack did not take that (`ClientConnectionError`)"),
        (TimeoutError(), "Slack did not take that (`TimeoutError`)"),
    ],
)
async def test_each_kind_of_error_has_its_words(error: Exception, words: str) -> None:
    async def fail() -> None:
        raise error

    with pytest.raises(NotDone) as found:
        await or_words(fail(), "/incident split 12 service=cart")
    assert words in str(found.value)


async def test_an_error_of_ours_is_not_taken_for_the_persons() -> None:
    async def fail() -> None:
        raise KeyError("a defect")

    with pytest.raises(KeyError):
        await or_words(fail())


class Incidents:
    """Two open incidents, a run offered for the first, and what people do to them."""

    def __init__(self, pipeline: Pipeline, endpoint: SlackEndpoint) -> None:
        self.pipeline, self.endpoint = pipeline, endpoint

    async def typed(self, text: str) -> str:
        return str(await answer(self.endpoint, "/incident", text, APPROVER))

    async def clicked(self, action_id: str, value: str) -> str | OpenForm | Reply | None:
        click = Click(self.endpoint, APPROVER, self.pipeline.clock(), value)
        return await or_words(actions()[action_id](click))

    async def submitted(self, callback_id: str, **values: str) -> str:
        submission = Submission(self.endpoint, APPROVER, self.pipeline.clock(), values)
        return str(await or_words(forms()[callback_id](submission)))

    async def offer(self) -> str:
        """The value of the offer's buttons."""
        [run] = await self.pipeline.runs_of((await self.pipeline.incidents())[0])
        return f"{run.id}:{run.plan_hash}"

    async def state(self) -> Any:
        """Everything that a deed could change."""
        found = await self.pipeline.incidents()
        async with self.pipeline.database.read() as connection:
            held = await silences.not_ended(connection, self.pipeline.clock())
        runs = [[(run.status, run.decisions) for run in await self.pipeline.runs_of(one)] for one in found]
        shown = [(one.status, one.acknowledged_by, one.owner, one.severity, one.services, one.version) for one in found]
        return shown, held, runs


@pytest.fixture
async def incidents(database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert) -> Incidents:
    book = {"title": "Restart", "when": {"service": "cart"}, "steps": [{"command": {"argv": ["restart"]}}]}
    book |= {"approval": {"approvers": [APPROVER], "expires": "2h"}}
    runbooks = {"restart": Runbook.model_validate(book)}
    pipeline = await Pipeline(database, inbox, clock, Rules(runbooks=runbooks)).prepare()
    await pipeline.send(alert(service="cart", cluster="eu"), alert(service="cart", cluster="eu", alertname="Second"))
    clock.pass_(minutes=1)
    await pipeline.send(alert(service="mail", cluster="eu"))
    async with database.write() as connection:
        await tickets.describe(connection, "GitHub")
    watched: dict[str, Watched] = {}
    return Incidents(pipeline, SlackEndpoint(database, runbooks, clock, lambda: None, watched))


Deed = Callable[[Incidents, str], Awaitable[Any]]
DEEDS: dict[str, tuple[Action, Deed]] = {
    "/incident ack": (Action.ACKNOWLEDGE, lambda to, _: to.typed("ack 1")),
    "button ack": (Action.ACKNOWLEDGE, lambda to, id_: to.clicked("incident.ack", id_)),
    "/incident resolve": (Action.RESOLVE, lambda to, _: to.typed("resolve 1 anyway")),
    "button resolve": (Action.RESOLVE, lambda to, id_: to.clicked("incident.resolve", f"{id_}:asked")),
    "/incident take": (Action.ACKNOWLEDGE, lambda to, _: to.typed("take 1")),
    "/incident assign": (Action.ASSIGN, lambda to, _: to.typed("assign 1 U0SOMEBODY")),
    "/incident lead": (Action.APPOINT, lambda to, _: to.typed("lead 1 U0SOMEBODY")),
    "/incident channel": (Action.CHANNEL, lambda to, _: to.typed("channel 1")),
    "menu channel": (Action.CHANNEL, lambda to, id_: to.clicked("incident.channel", id_)),
    "/incident ticket": (Action.TICKET, lambda to, _: to.typed("ticket 1")),
    "button ticket": (Action.TICKET, lambda to, id_: to.clicked("incident.ticket", id_)),
    "/incident severity": (Action.JUDGE, lambda to, _: to.typed("severity 1 critical")),
    "/incident note": (Action.NOTE, lambda to, _: to.typed("note 1 it was the disk")),
    "/incident update": (Action.UPDATE, lambda to, _: to.typed("update 1 it works again")),
    "/incident open": (Action.DECLARE, lambda to, _: to.typed("open It is slow")),
    "/incident merge": (Action.MERGE, lambda to, _: to.typed("merge 2 into 1")),
    "/incident split": (Action.SPLIT, lambda to, _: to.typed("split 1 alertname=Second")),
    "/incident silence": (Action.SILENCE, lambda to, _: to.typed("silence 2h service=cart")),
    "form silence": (
        Action.SILENCE,
        lambda to, _: to.submitted("incident.silence", duration="2h", matchers="service=cart", comment=""),
    ),
}


@on_sqlite
@pytest.mark.parametrize("name", DEEDS)
async def test_one_place_decides_for_every_surface_whether_somebody_may_do_it(
    incidents: Incidents, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    action, deed = DEEDS[name]
    [first, _] = await incidents.pipeline.incidents()
    before = await incidents.state()
    with monkeypatch.context() as patched:
        patched.setattr(permissions, "may", lambda actor, asked, incident: asked is not action)
        with pytest.raises(NotDone, match=f"You may not {action}"):
            await deed(incidents, first.id)
    assert await incidents.state() == before
    await deed(incidents, first.id)
    assert await incidents.state() != before


@on_sqlite
@pytest.mark.parametrize("action", [Action.APPROVE, Action.REJECT])
async def test_approving_and_rejecting_pass_the_same_place(
    incidents: Incidents, monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    before = await incidents.state()
    with monkeypatch.context() as patched:
        patched.setattr(permissions, "may", lambda actor, asked, incident: asked is not action)
        with pytest.raises(NotDone, match=f"You may not {action}"):
            await incidents.clicked(f"run.{action}", await incidents.offer())
    assert await incidents.state() == before
    assert await incidents.clicked(f"run.{action}", await incidents.offer()) is None
    [run] = await incidents.pipeline.runs_of((await incidents.pipeline.incidents())[0])
    assert run.status is {Action.APPROVE: RunStatus.APPROVED, Action.REJECT: RunStatus.REJECTED}[action]


@on_sqlite
async def test_ending_a_silence_passes_it_too(incidents: Incidents, monkeypatch: pytest.MonkeyPatch) -> None:
    await incidents.typed("silence 2h service=cart")
    _, [silence], _ = await incidents.state()
    assert silence.ends_at - silence.starts_at == timedelta(hours=2)
    monkeypatch.setattr(permissions, "may", lambda actor, asked, incident: asked is not Action.UNSILENCE)
    with pytest.raises(NotDone, match="You may not end a silence"):
        await incidents.typed(f"unsilence {silence.id}")
    _, held, _ = await incidents.state()
    assert held == [silence]


@on_sqlite
@pytest.mark.parametrize("name", ["show", "ack", "resolve"])
async def test_who_names_no_incident_is_given_an_example_of_that_very_command(incidents: Incidents, name: str) -> None:
    with pytest.raises(NotDone, match=f"`/incident {name} 12`"):
        await incidents.typed(name)
