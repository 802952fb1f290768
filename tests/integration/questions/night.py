"""A night in the shop: the db slows down after a deploy, the shop above it follows, and somebody asks."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bot.domain.event import AlertEvent, ChangeEvent, ChangeKind
from bot.domain.incident import Incident
from bot.domain.rules import Rules
from bot.domain.runbook import Runbook
from bot.domain.watched.telemetry import MetricRules
from bot.inbox.inbox import Inbox
from bot.pipeline.worker import Worker
from bot.questions.answering import answer, load, question_named, question_of
from bot.questions.question import Answer, Knowledge
from bot.storage.database import Database
from bot.watches.configured import watches
from tests.conftest import Clock
from tests.integration.causes.test_causes_by_metrics import NORMAL, SHOP, SLOW, WATCHED, quantiles
from tests.integration.pipeline_driver import Pipeline, make_alert, plan_without_values
from tests.integration.watches.metrics_driver import Metrics

BOOK = Runbook.model_validate(
    {
        "title": "Restart the database",
        "when": {"service": "db"},
        "steps": [{"command": {"argv": ["true"]}}],
        "approval": {"approvers": ["U012AB3CD"]},
    }
)
RULES = Rules(
    depends_on=SHOP,
    metrics=MetricRules.model_validate(WATCHED),
    runbooks={"restart-db": BOOK},
    critical=frozenset({"web"}),
    partitions=1,
)


@dataclass
class Night:
    pipeline: Pipeline
    histories: dict[int, Any] = field(default_factory=dict)

    @property
    def knowledge(self) -> Knowledge:
        return Knowledge(self.pipeline.database, self.pipeline.rules, live=self.histories)

    async def asked(self, text: str, incident: Incident | None = None) -> Answer:
        """The answer to a question about an incident, by default the newest."""
        about = incident or (await self.pipeline.incidents())[-1]
        situation = await load(self.knowledge, about, self.pipeline.clock.now)
        question = question_named(text) or question_of(text)
        assert question is not None, text
        return await answer(self.knowledge, situation, question, text)

    def fires(self, **labels: Any) -> AlertEvent:
        return make_alert(self.pipeline.clock)(**labels)

    def deploy(self, service: str, title: str, minutes_ago: int, id: str = "1", **more: Any) -> ChangeEvent:
        at = self.pipeline.clock.now - timedelta(minutes=minutes_ago)
        return ChangeEvent("github", id, service, ChangeKind.DEPLOY, title, at, **more)


async def shop(database: Database, inbox: Inbox, clock: Clock, rules: Rules = RULES) -> Night:
    """The shop while nothing is wrong, without metrics."""
    return Night(await Pipeline(database, inbox, clock, rules).prepare())


async def night(database: Database, inbox: Inbox, clock: Clock, rules: Rules = RULES) -> Night:
    """The shop after the db slowed down, with an hour and a half of metrics before."""
    found = await shop(database, inbox, clock, rules)
    one = found.pipeline
    metrics = Metrics(one, quantiles(NORMAL))
    one.worker = Worker(one.services, plan_without_values, watches(one.rules, one.clock, found.histories))
    await metrics.learn(90)
    await one.send(found.deploy("db", "deployed v42", 10, version="v42", actor="ada", link="https://ci.example/42"))
    metrics.flows = quantiles(SLOW)
    await metrics.minutes(3)
    await one.send(found.fires(service="db", alertname="DiskPressure"), found.fires(service="api"))
    await metrics.minutes(2)
    return found
