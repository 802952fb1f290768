"""The gate of an offered run is asked before anybody approves it, and what it says stands beside the buttons."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.domain.run import Run, RunStatus
from bot.domain.runbook import Runbook
from bot.inbox.inbox import Inbox
from bot.localslack import LocalSlack
from bot.notify.notifier import Notifier
from bot.notify.slack.channel import SlackChannel
from bot.remediation.approval import Terms
from bot.remediation.executors import Outcome
from bot.remediation.gate_preview import GatePreviews
from bot.remediation.offers.looking import EVERY
from bot.remediation.records import RunRecords
from bot.remediation.starting import Start
from bot.remediation.steps import Steps
from bot.storage.database import Database
from bot.storage.queries import runs
from tests.acceptance.harness import until
from tests.conftest import Clock
from tests.integration.executors.test_gate import HARD, Scorer
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PROMOTE = {"command": {"argv": ["promote"]}}


class Offered:
    """A pipeline that offers a promotion behind a gate, its incidents in a local Slack, and what asks the gate."""

    def __init__(self, database: Database, inbox: Inbox, clock: Clock, slack: LocalSlack, scorer: Scorer) -> None:
        self.database, self.inbox, self.clock, self.slack, self.scorer = database, inbox, clock, slack, scorer
        channel = SlackChannel(AsyncWebClient(slack.bot_token, base_url=slack.api_url), "incidents")
        self.notifier = Notifier(database, channel, clock, interval=0)
        self.may = True
        records = RunRecords(database, clock, lambda: None)
        self.gates = self.previews(Steps(records, {}, Start(records, Terms({}))).preview)
        self.pipeline: Pipeline

    def previews(self, preview: Callable[[Run, int], Any]) -> GatePreviews:
        return GatePreviews(self.database, preview, self.clock, lambda: None, lambda: self.may)

    def gate(self, challenger: str, **more: Any) -> dict[str, Any]:
        return {"gate": {"on": {"pinned reference": self.scorer.pair(challenger)}, **more}}

    async def offer(self, event: AlertEvent, *steps: dict[str, Any]) -> None:
        """An incident, with a runbook of these steps offered for it."""
        book = {"title": "Promote", "when": {"service": "checkout"}, "steps": list(steps)}
        book |= {"approval": {"approvers": ["U012AB3CD"], "expires": "2h"}}
        rules = Rules(runbooks={"promote": Runbook.model_validate(book)})
        self.pipeline = await Pipeline(self.database, self.inbox, self.clock, rules).prepare()
        await self.pipeline.send(event)

    async def run(self) -> Run:
        [run] = await self.pipeline.runs_of(await self.pipeline.only_incident())
        return run

    async def look(self) -> None:
        async with self.database.read() as connection:
            offered = await runs.with_status(connection, [RunStatus.PROPOSED])
        await self.gates.look(offered)

    async def asked(self) -> Run:
        """The run, once its gate has been asked at this moment."""
        await self.look()

        async def kept() -> bool:
            look = (await self.run()).gate
            return look is not None and look.at == self.clock.now

        await until(kept, "the gate is asked")
        return await self.run()

    async def message(self) -> str:
        """The incident's message as Slack shows it now, without its moments."""
        while await self.notifier.reconcile():
            pass
        [message] = self.slack.messages("incidents")
        return json.dumps(message["blocks"], ensure_ascii=False)


@pytest.fixture
async def offered(database: Database, inbox: Inbox, clock: Clock) -> AsyncIterator[Offered]:
    scorer = Scorer()
    async with LocalSlack() as slack, scorer.server:
        made = Offered(database, inbox, clock, slack, scorer)
        yield made
        scorer.free.set()
        await made.gates.close()


async def test_the_interval_stands_in_the_message_before_anybody_approves_and_the_plan_stays_what_it_was(
    offered: Offered, alert: MakeAlert
) -> None:
    await offered.offer(alert(), offered.gate("better"), PROMOTE)
    before = await offered.run()
    assert "*Gate:* is being asked" in await offered.message()
    run = await offered.asked()
    said = await offered.message()
    assert "*Gate:* would let this pass now · asked <!date^" in said
    assert "• pinned reference (recent): better by 0." in said and "(95 % interval 0." in said
    assert "500 rows)" in said and "asked again after the approval, and that answer decides" in said
    assert said.index("95 % interval") < said.index("run.approve")
    assert f"{run.id}:{before.plan_hash}" in said
    assert msgspec.structs.replace(run, gate=None) == before
    entries = await offered.pipeline.timeline_of(await offered.pipeline.only_incident())
    assert entries[-1].startswith("Gate of “Promote”, before any approval: would let it pass now\npinned reference")


async def test_a_gate_that_would_refuse_says_so_with_its_interval(offered: Offered, alert: MakeAlert) -> None:
    await offered.offer(alert(), offered.gate("alike"), PROMOTE)
    assert not _passes(await offered.asked())
    said = await offered.message()
    assert "*Gate:* would refuse this now" in said and "95 % interval -0." in said
    assert "• the challenger is not shown to be better" in said and "run.approve" in said


@on_sqlite
async def test_too_few_rows_and_a_scorer_that_fails_are_words_in_the_message(
    offered: Offered, alert: MakeAlert
) -> None:
    await offered.offer(alert(), offered.gate("better", rows=1000), PROMOTE)
    await offered.asked()
    assert "• not compared: pinned reference: 500 rows are too few, 1000 are asked for" in await offered.message()
    offered.scorer.answers.clear()
    offered.clock.pass_(seconds=EVERY.total_seconds())
    await offered.asked()
    said = await offered.message()
    assert "*Gate:* would refuse this now" in said
    assert "• not compared: pinned reference, champion: HTTP 404\\n• no such model" in said


@on_sqlite
async def test_an_error_of_ours_is_words_too(offered: Offered, alert: MakeAlert) -> None:
    async def broken(_run: Run, _position: int) -> Outcome:
        raise RuntimeError("a defect")

    offered.gates = offered.previews(broken)
    await offered.offer(alert(), offered.gate("better"), PROMOTE)
    await offered.asked()
    assert "• not compared: an error inside Tandem, its log says more" in await offered.message()


@on_sqlite
async def test_it_is_asked_once_and_again_when_its_time_has_come_and_only_news_is_told(
    offered: Offered, alert: MakeAlert
) -> None:
    await offered.offer(alert(), offered.gate("better"), PROMOTE)
    await offered.asked()
    told, version = await offered.message(), (await offered.pipeline.only_incident()).version
    offered.clock.pass_(seconds=EVERY.total_seconds() - 1)
    await offered.look()
    assert len(offered.scorer.asked) == 2
    offered.clock.pass_(seconds=1)
    await offered.asked()
    assert len(offered.scorer.asked) == 4
    assert (await offered.message(), (await offered.pipeline.only_incident()).version) == (told, version)
    offered.scorer.losses("better", HARD + 1)
    offered.clock.pass_(seconds=EVERY.total_seconds())
    await offered.asked()
    said = await offered.message()
    assert "*Gate:* would refuse this now" in said and "better by -1 (95 % interval -1 to -1, 500 rows)" in said
    assert len(offered.slack.messages("incidents")) == 1


@on_sqlite
@pytest.mark.parametrize("behind", [True, False])
async def test_a_gate_whose_answer_steps_before_it_change_or_that_may_not_be_repeated_is_not_asked_early(
    offered: Offered, alert: MakeAlert, behind: bool
) -> None:
    steps = [PROMOTE, offered.gate("better")] if behind else [offered.gate("better", repeatable=False), PROMOTE]
    await offered.offer(alert(), *steps)
    await offered.look()
    await offered.gates.close()
    assert offered.scorer.asked == []
    assert (
        "*Gate:* asked only when the run has come to it: what it will say is not known yet." in await offered.message()
    )


@on_sqlite
async def test_a_plan_that_was_changed_behind_our_back_asks_nobody(offered: Offered, alert: MakeAlert) -> None:
    await offered.offer(alert(), offered.gate("better"), PROMOTE)
    run = await offered.run()
    changed = msgspec.structs.replace(run, plan=msgspec.structs.replace(run.plan, title="Another"))
    async with offered.database.write() as connection:
        await runs.save(connection, [changed])
    await offered.look()
    await offered.gates.close()
    assert offered.scorer.asked == []


async def test_of_an_offer_that_is_withdrawn_while_its_gate_is_asked_nothing_is_kept(
    offered: Offered, alert: MakeAlert
) -> None:
    await offered.offer(alert(), offered.gate("better"), PROMOTE)
    offered.scorer.free.clear()
    await offered.look()
    await until(lambda: _there(offered.scorer.asked), "the scorer is asked")
    await offered.pipeline.send(alert("resolved"))
    await offered.look()
    offered.scorer.free.set()
    await offered.gates.close()
    assert (await offered.run()).gate is None
    assert "Gate" not in await offered.message()


@on_sqlite
async def test_who_has_lost_the_role_while_it_asked_keeps_nothing(offered: Offered, alert: MakeAlert) -> None:
    await offered.offer(alert(), offered.gate("better"), PROMOTE)
    offered.may = False

    async def asked_again() -> bool:
        await offered.look()
        return len(offered.scorer.asked) > 2

    await until(asked_again, "the first look has ended")
    assert (await offered.run()).gate is None
    offered.may = True
    await offered.asked()


def _passes(run: Run) -> bool:
    assert run.gate is not None
    return run.gate.passes


async def _there(found: list[str]) -> bool:
    return bool(found)
