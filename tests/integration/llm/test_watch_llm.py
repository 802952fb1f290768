"""Applications of language models: what is not as it was is an alert, and its cause is looked for."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from random import Random

import pytest

from bot.domain.alert import Alert
from bot.domain.event import ChangeEvent, ChangeKind, EdgesEvent, Event, LlmEvent
from bot.domain.llm.observed import Measure, Tally, rounded
from bot.domain.llm.rules import LlmRules
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.maintenance.telemetry import TelemetryPruning
from bot.pipeline.worker import Worker
from bot.storage.database import Database
from bot.watches.configured import watches
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, plan_without_values

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
Draw = Callable[[Random], float]
LABELS = {"service": "assistant", "cluster": "eu"}


class Application:
    """An application that answers ten times a minute."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline, self.clock, self.random = pipeline, pipeline.clock, Random(7)
        self.restart()

    def restart(self) -> None:
        """A process that knows nothing but what is stored."""
        one = self.pipeline
        one.worker = Worker(one.services, plan_without_values, watches(one.rules, one.clock))

    async def score(self, mean: float, minutes: int = 30, version: str = "1", prompt: str = "answer") -> None:
        await self.observe(
            Measure.SCORE, lambda: min(max(self.random.gauss(mean, 0.1), 0), 1), minutes, version, prompt, "relevance"
        )

    async def observe(
        self,
        measure: Measure,
        value: Callable[[], float],
        minutes: int = 30,
        version: str = "1",
        prompt: str = "answer",
        of: str = "",
    ) -> None:
        for _ in range(minutes):
            counts: dict[float, int] = {}
            for _ in range(10):
                one = rounded(value())
                counts[one] = counts.get(one, 0) + 1
            await self.send([Tally(measure, "gpt-4o", prompt, version, of, list(counts.items()))])
            self.clock.pass_(minutes=1)

    async def send(self, tallies: list[Tally]) -> None:
        await self.pipeline.send(LlmEvent("otlp", LABELS, int(self.clock.now.timestamp() * 1000), tallies))

    async def alerts(self) -> list[Alert]:
        found = [await self.pipeline.alerts_of(incident) for incident in await self.pipeline.incidents()]
        return [alert for alerts in found for alert in alerts]


@pytest.fixture
async def application(database: Database, inbox: Inbox, clock: Clock) -> Application:
    return Application(await Pipeline(database, inbox, clock, Rules(partitions=1)).prepare())


def changed(clock: Clock, version: str) -> Iterator[Event]:
    yield ChangeEvent(
        "mlflow", f"alias-{version}", "answer", ChangeKind.MODEL, f"production is now version {version}", clock.now
    )


async def test_a_prompt_that_lowers_the_scores_is_the_cause_and_the_scores_say_when_it_is_over(
    application: Application,
) -> None:
    await application.pipeline.send(EdgesEvent("otlp", {"cluster": "eu"}, [("assistant", "answer")]))
    await application.score(0.85)
    assert await application.alerts() == []
    await application.pipeline.send(*changed(application.clock, "2"))
    began = application.clock.now
    await application.score(0.55, minutes=8, version="2")
    [alert] = await application.alerts()
    assert (alert.name, alert.service, alert.labels["prompt"]) == ("LlmEvaluationScore", "assistant", "answer")
    assert (alert.labels["prompt_version"], alert.labels["evaluation"]) == ("2", "relevance")
    assert "relevance fell to 0.5" in alert.annotations["summary"] and "usually 0.8" in alert.annotations["summary"]
    assert began - timedelta(minutes=2) <= alert.starts_at <= began + timedelta(minutes=1)
    incident = await application.pipeline.only_incident()
    [cause] = incident.causes
    assert (cause.service, cause.kind) == ("answer", "model") and "version 2" in cause.evidence[0]
    application.restart()
    await application.score(0.85, minutes=6, version="1")
    assert (await application.pipeline.only_incident()).status == "resolved"


@on_sqlite
async def test_the_scores_of_a_new_version_count_while_it_has_little_of_the_traffic(application: Application) -> None:
    await application.score(0.85)
    for _ in range(30):
        await application.score(0.85, minutes=1)
        one = rounded(application.random.gauss(0.5, 0.05))
        await application.send([Tally(Measure.SCORE, "gpt-4o", "answer", "2", "relevance", [(one, 2)])])
    [alert] = await application.alerts()
    assert alert.labels["prompt_version"] == "2"


RISES: list[tuple[Measure, str, Draw, Draw]] = [
    (Measure.ERRORS, "LlmErrors", lambda random: float(random.random() < 0.01), lambda random: random.random() < 0.4),
    (Measure.REFUSALS, "LlmRefusals", lambda random: 0.0, lambda random: float(random.random() < 0.3)),
    (Measure.LATENCY, "LlmLatency", lambda random: random.uniform(0.5, 2), lambda random: random.uniform(4, 6)),
    (Measure.INPUT_TOKENS, "LlmTokens", lambda random: random.gauss(1000, 50), lambda random: random.gauss(2500, 50)),
    (Measure.COST, "LlmCost", lambda random: random.gauss(0.01, 0.001), lambda random: random.gauss(0.03, 0.001)),
    (Measure.TOOL_FAILURES, "LlmToolFailures", lambda random: 0.0, lambda random: float(random.random() < 0.5)),
]


@on_sqlite
@pytest.mark.parametrize("measure, name, usual, bad", RISES, ids=[name for _, name, _, _ in RISES])
async def test_what_rises_is_an_alert_and_what_is_as_ever_is_none(
    application: Application, measure: Measure, name: str, usual: Draw, bad: Draw
) -> None:
    random = application.random
    await application.observe(measure, lambda: usual(random), minutes=30)
    assert await application.alerts() == []
    await application.observe(measure, lambda: float(bad(random)), minutes=10)
    [alert] = await application.alerts()
    assert (alert.name, alert.service) == (name, "assistant")
    assert "usually" in alert.annotations["summary"]


@on_sqlite
async def test_what_has_been_so_for_a_day_is_usual(application: Application) -> None:
    await application.score(0.85)
    await application.score(0.55, minutes=10)
    assert len(await application.alerts()) == 1
    application.clock.pass_(days=1, minutes=1)
    await application.pipeline.worker.tick()
    [alert] = await application.alerts()
    assert alert.status == "resolved"
    await application.score(0.55)
    assert [one.status for one in await application.alerts()] == ["resolved"]


async def test_what_was_learnt_from_leaves_the_inbox_after_an_hour(application: Application) -> None:
    await application.score(0.85, minutes=10)
    application.clock.pass_(hours=1, minutes=1)
    await application.score(0.85, minutes=2)
    pruning = TelemetryPruning(application.pipeline.services)
    while await pruning.prune():
        pass
    left = (await application.pipeline.inbox.entries_after(0, 0, 100)).entries
    assert len(left) == 2
    application.restart()
    await application.score(0.85, minutes=20)
    await application.score(0.5, minutes=10)
    assert len(await application.alerts()) == 1


async def test_two_thousand_versions_and_prompts_are_bounded(database: Database, inbox: Inbox, clock: Clock) -> None:
    rules = Rules(llm=LlmRules(most_versions=5, most_prompts=10), partitions=1)
    application = Application(await Pipeline(database, inbox, clock, rules).prepare())
    await application.score(0.85, minutes=20)
    many = [Tally(Measure.ERRORS, "m", f"prompt-{n}", f"{n}", "", [(0.0, 1)]) for n in range(2000)]
    more = [Tally(Measure.SCORE, f"model-{n}", "answer", f"{n}", "relevance", [(0.8, 1)]) for n in range(2000)]
    await application.send(many + more)
    [watch] = [one for one in watches(rules, clock) if type(one).__name__ == "LlmWatch"]
    application.pipeline.worker = Worker(application.pipeline.services, plan_without_values, [watch])
    await application.score(0.85, minutes=1)
    memory = watch._snapshots.get(0)  # type: ignore[attr-defined]
    assert len(memory.courses) <= 12
    assert max(len(course.versions) for course in memory.courses.values()) <= 6
