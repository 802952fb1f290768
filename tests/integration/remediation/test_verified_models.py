"""A promotion is verified by what a promotion can change: a monitor, the gate, or alerts about how the model does."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import AlertEvent
from bot.domain.run import Phase, Run, StepRecord, StepStatus
from bot.domain.runbook import Runbook
from bot.domain.runs.verification import Look, Verdict
from bot.remediation.evidence import Evidence
from bot.storage.queries import runs, snapshots
from bot.storage.queries.runs import Claim
from bot.watches.models.evidence import look_at_monitor
from bot.watches.models.memory import WATCH, Memory, MonitorState
from bot.watches.snapshots import Changes
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.runs_driver import Night, book, night

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PROMOTE = {"mlflow": {"url": "http://127.0.0.1:9", "model": "m", "alias": "champion", "version": 2}}
REQUEST = {"http": {"url": "http://127.0.0.1:9/"}}
GATE = {"gate": {"on": {"pinned": {"champion": REQUEST, "challenger": REQUEST}}}}


def promotion(*before: dict[str, Any], **verify: Any) -> Runbook:
    return book(steps=[*before, PROMOTE], verify={"within": "60s", "stable_for": "10s", **verify})


async def _read_monitor(connection: AsyncConnection, monitor: str, since: datetime) -> Look:
    return await look_at_monitor(connection, monitor, since, partitions=16)


async def _checked(pipeline: Pipeline, rows_since: datetime, firing_since: datetime | None) -> None:
    """The monitor has checked rows that came from then on."""
    state = MonitorState("demand", "performance", rows_since=rows_since, firing_since=firing_since)
    memory = Memory(Changes())
    memory.monitor_changed(state, 1)
    name = "monitor:demand\x1fperformance"
    async with pipeline.database.write() as connection:
        states = {name: memory.serialise(name) or b""}
        await snapshots.save(connection, 0, WATCH, states, 1, pipeline.clock.now)


async def _approved(pipeline: Pipeline, runbook: Runbook, *fires: AlertEvent, **more: Any) -> tuple[Night, Run]:
    here = await night(pipeline, restart=runbook, **more)
    await here.pipeline.send(*fires)
    return here, await here.approve()


async def test_input_drift_neither_proves_nor_disproves_a_promotion(pipeline: Pipeline, alert: MakeAlert) -> None:
    slow, drift = alert(alertname="ModelPerformance"), alert(alertname="FeatureDrift")
    here, run = await _approved(pipeline, promotion(), slow, drift)
    here.at(5, lambda: here.pipeline.send(alert("resolved", alertname="ModelPerformance")))
    verdict, words = await here.verifier.verify(Claim(run.id, ""))
    assert (verdict, "FeatureDrift" in words) == (Verdict.VERIFIED, False)


async def test_a_promotion_for_which_only_input_drift_fired_is_not_verified_by_its_end(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here, run = await _approved(pipeline, promotion(), alert(alertname="FeatureDrift"))
    await here.pipeline.send(alert("resolved", alertname="FeatureDrift"))
    verdict, words = await here.verifier.verify(Claim(run.id, ""))
    assert verdict is Verdict.NO_EVIDENCE
    assert "only FeatureDrift on checkout fired" in words
    assert "Name a monitor in verify, or begin with a gate" in words


async def test_the_gate_that_a_promotion_passed_is_its_proof(pipeline: Pipeline, alert: MakeAlert) -> None:
    here, run = await _approved(pipeline, promotion(GATE), alert(alertname="FeatureDrift"))
    passed = StepRecord(
        run_id=run.id,
        phase=Phase.STEP,
        position=0,
        status=StepStatus.SUCCEEDED,
        started_at=here.pipeline.clock.now,
    )
    async with here.pipeline.database.write() as connection:
        await runs.save_step(connection, passed)
    assert await here.verifier.verify(Claim(run.id, "")) == (
        Verdict.VERIFIED,
        "Verified: the gate has shown that the challenger is better.",
    )


async def test_a_promotion_is_verified_by_its_monitor_on_rows_that_came_after_it(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    wanted = promotion(alerts_resolved=False, monitor="demand/performance")
    here, run = await _approved(pipeline, wanted, alert(alertname="FeatureDrift"), evidence=Evidence(_read_monitor))
    began = here.pipeline.clock.now
    await _checked(here.pipeline, rows_since=began, firing_since=began)  # rows of before the last step
    here.pipeline.clock.pass_(seconds=1)
    here.at(20, lambda: _checked(here.pipeline, rows_since=here.pipeline.clock.now, firing_since=None))
    verdict, words = await here.verifier.verify(Claim(run.id, ""))
    assert (verdict, here.seconds) == (Verdict.VERIFIED, 30)
    assert words == "Verified: the monitor demand/performance finds nothing any more."


async def test_a_monitor_that_still_finds_something_after_the_promotion_disproves_it(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    wanted = promotion(alerts_resolved=False, monitor="demand/performance")
    here, run = await _approved(pipeline, wanted, alert(alertname="FeatureDrift"), evidence=Evidence(_read_monitor))
    clock = here.pipeline.clock
    here.at(20, lambda: _checked(here.pipeline, rows_since=clock.now, firing_since=clock.now))
    verdict, words = await here.verifier.verify(Claim(run.id, ""))
    assert (verdict, "the monitor demand/performance still fires" in words) == (Verdict.STILL_FIRING, True)


async def test_a_monitor_without_a_check_after_the_promotion_shows_nothing(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    wanted = promotion(alerts_resolved=False, monitor="demand/performance")
    here, run = await _approved(pipeline, wanted, alert(alertname="FeatureDrift"), evidence=Evidence(_read_monitor))
    before = here.pipeline.clock.now
    await _checked(here.pipeline, rows_since=before, firing_since=None)
    here.pipeline.clock.pass_(seconds=1)
    verdict, words = await here.verifier.verify(Claim(run.id, ""))
    assert verdict is Verdict.NO_EVIDENCE
    assert "the monitor demand/performance has checked no rows that came after the last step" in words
