"""What stages declare is what they touch: real batches, recorded, through every kind of thing that happens."""

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest
from opentelemetry.trace import NoOpTracer

from bot.domain.event import AlertEvent, ChangeEvent, ChangeKind, Event, PingEvent
from bot.domain.matcher import Matcher
from bot.domain.runbook import Runbook
from bot.domain.silence import Silence
from bot.domain.watched.heartbeat import Heartbeat
from bot.inbox.inbox import Inbox
from bot.observability import tracing
from bot.pipeline.batch import Trigger
from bot.pipeline.stage import all_stages, stages_on
from bot.storage.database import Database
from bot.storage.queries import silences
from bot.watches.configured import watches
from detectors.topology import Topology
from tests.conftest import Clock
from tests.integration.pipeline.recording_batch import RecordingBatch, Touched
from tests.integration.pipeline_driver import Pipeline, plan_without_values
from tests.integration.watches.metrics_driver import rules as metric_rules

MakeAlert = Callable[..., AlertEvent]
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
DEPENDS_ON = {"a": ["db", "queue"], "b": ["a"], "c": ["db"], **{f"s{n}": ["silent", "host"] for n in range(4)}}
RUNBOOK = Runbook.model_validate(
    {
        "title": "Restart",
        "when": {"service": "queue"},
        "steps": [{"command": {"argv": ["true"]}}],
        "approval": {"approvers": ["U1"]},
    }
)
NAMING = Runbook.model_validate(
    {
        "title": "Say which incident it is",
        "when": {"service": "cart"},
        "steps": [{"command": {"argv": ["true", "${incident.number}"]}}],
        "approval": {"approvers": ["U1"]},
    }
)


HEARTBEAT = Heartbeat(every=timedelta(minutes=1), service="backup")
ELSEWHERE = {"watches": {"incidents", "touched"}}
"""Written where metrics name another cause a minute later, after hours of metrics: test_causes_by_metrics.py."""


class Recorded:
    """A pipeline whose batches are recorded; ``touched`` holds, for each stage, what it touched in all of them."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline, self.clock = pipeline, pipeline.clock
        self.watches = watches(pipeline.rules, pipeline.clock)
        self.touched: dict[str, Touched] = defaultdict(Touched)

    async def send(self, *events: Event) -> None:
        traced = [msgspec.structs.replace(e, trace=TRACE) if isinstance(e, AlertEvent) else e for e in events]
        await self.pipeline.append(*traced)
        await self.work(Trigger.ENTRIES)

    async def work(self, trigger: Trigger) -> None:
        one = self.pipeline
        batch = RecordingBatch(
            0,
            one.clock.now,
            one.rules,
            Topology(one.rules.depends_on),
            plan_without_values,
            one.inbox,
            trigger=trigger,
            watches=self.watches,
        )
        async with one.database.write() as connection:
            for stage in stages_on(trigger):
                batch.begin()
                await stage.work(batch, connection)
                found = batch.end()
                self.touched[stage.name].reads |= found.reads
                self.touched[stage.name].writes |= found.writes


@pytest.fixture
async def recorded(database: Database, inbox: Inbox, clock: Clock) -> Recorded:
    runbooks = {"restart": RUNBOOK, "name": NAMING}
    rules = msgspec.structs.replace(
        metric_rules(), depends_on=DEPENDS_ON, runbooks=runbooks, heartbeats={"nightly": HEARTBEAT}
    )
    return Recorded(await Pipeline(database, inbox, clock, rules).prepare())


async def _everything_happens(one: Recorded, alert: MakeAlert) -> None:
    clock = one.clock
    await one.send(PingEvent("heartbeat", "nightly", {}))
    clock.pass_(minutes=9)
    await one.work(Trigger.TICK)
    for _ in range(2):  # what happened before is recalled
        await one.send(alert(service="cart"))
        clock.pass_(days=1)
        await one.send(alert("resolved", service="cart"))
        clock.pass_(days=1)
    await one.send(alert(service="db", alertname="DiskFull", host="h1"))
    clock.pass_(seconds=10)
    await one.send(alert(service="c", host="h1"))
    clock.pass_(seconds=90)
    await one.send(alert(service="a"), alert(service="b", severity="critical"))
    clock.pass_(seconds=5)
    await one.send(alert(service="queue", alertname="QueueFull"))  # a second fault: alerts move
    await one.send(msgspec.structs.replace(alert(service="queue", alertname="QueueFull"), acknowledged_by="ann"))
    await one.send(alert(service="h1", alertname="HostDown", host="h1"), alert(service="db", alertname="X", host="h1"))
    for n in range(8):  # it flaps, is quiet, and ends
        clock.pass_(seconds=20)
        await one.send(alert("resolved" if n % 2 else "firing", service="mail", alertname="Flap"))
    clock.pass_(minutes=6)
    await one.work(Trigger.TICK)
    await _a_merge(one, alert)
    await _a_silence(one, alert)
    await _a_relapse(one, alert)
    await one.send(
        alert("resolved", service="queue", alertname="QueueFull"), *(alert("resolved", service=s) for s in "ab")
    )


async def _a_merge(one: Recorded, alert: MakeAlert) -> None:
    """Dependants of a silent service, whose own trouble is seen last."""
    await one.send(alert(service="s0"))
    one.clock.pass_(seconds=5)
    await one.send(alert(service="s1"))
    one.clock.pass_(seconds=10)
    await one.send(alert(service="silent"))


async def _a_relapse(one: Recorded, alert: MakeAlert) -> None:
    """What fires again has been changed since it was over."""
    await one.send(alert(service="again"))
    one.clock.pass_(minutes=1)
    await one.send(alert("resolved", service="again"))
    one.clock.pass_(minutes=1)
    await one.send(ChangeEvent("cd", "1", "again", ChangeKind.DEPLOY, "again 2.0", one.clock.now))
    one.clock.pass_(seconds=10)
    await one.send(alert(service="again"))


async def _a_silence(one: Recorded, alert: MakeAlert) -> None:
    now = one.clock.now
    silence = Silence(
        id="s",
        matchers=[Matcher("service", "=", "quiet")],
        starts_at=now,
        ends_at=now + timedelta(minutes=5),
        created_by="ann",
        comment="",
    )
    async with one.pipeline.database.write() as connection:
        await silences.add(connection, silence)
    await one.send(alert(service="quiet"))
    one.clock.pass_(minutes=6)
    await one.work(Trigger.TICK)


async def test_stages_touch_what_they_declare_and_nothing_else(
    recorded: Recorded, alert: MakeAlert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "_tracer", NoOpTracer())
    monkeypatch.setattr(tracing, "current", lambda: TRACE)
    await _everything_happens(recorded, alert)
    wrong: dict[str, list[str]] = {}
    for name, stage in all_stages().items():
        touched = recorded.touched[name]
        problems = {
            "reads undeclared": touched.reads - stage.reads - stage.writes,
            "writes undeclared": touched.writes - stage.writes,
            "declares a read that it never does": stage.reads - touched.reads,
            "declares a write that it never does": stage.writes - touched.writes - ELSEWHERE.get(name, set()),
        }
        wrong |= {f"{name} {what}": sorted(fields) for what, fields in problems.items() if fields}
    assert wrong == {}
