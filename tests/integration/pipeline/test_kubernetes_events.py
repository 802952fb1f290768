"""Kubernetes' events on their way through the pipeline: what ends a warning, and what does not."""

import json
from typing import Any

from bot.domain.incident import IncidentStatus
from handlers.webhooks.kubernetes import parse
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline
from tests.unit.sources.test_kubernetes import EVENT, POD


async def post(pipeline: Pipeline, clock: Clock, reason: str, **fields: Any) -> None:
    kind = "Warning" if reason in ("BackOff", "Unhealthy", "FailedMount") else "Normal"
    event = EVENT | {"reason": reason, "type": kind, "lastTimestamp": clock.now.isoformat()} | fields
    if events := parse(json.dumps(event).encode(), {}, clock.now):
        await pipeline.send(*events)


async def status_after(pipeline: Pipeline) -> IncidentStatus:
    return (await pipeline.only_incident()).status


async def test_warnings_of_a_pod_are_over_when_their_container_starts(pipeline: Pipeline, clock: Clock) -> None:
    await post(pipeline, clock, "FailedMount", involvedObject=POD | {"fieldPath": ""})
    await post(pipeline, clock, "BackOff")
    clock.pass_(minutes=1)
    await post(pipeline, clock, "Pulled")
    await post(pipeline, clock, "Started", involvedObject=POD | {"fieldPath": "spec.containers{proxy}"})
    assert (
        await status_after(pipeline) == IncidentStatus.TRIGGERED
    )  # the other container's start says nothing of this one
    await post(pipeline, clock, "Started")
    assert await status_after(pipeline) == IncidentStatus.RESOLVED


async def test_a_container_that_crashes_again_opens_the_same_incident_again(pipeline: Pipeline, clock: Clock) -> None:
    await post(pipeline, clock, "BackOff")
    clock.pass_(minutes=1)
    await post(pipeline, clock, "Started")
    clock.pass_(seconds=20)
    await post(pipeline, clock, "BackOff")
    assert await status_after(pipeline) == IncidentStatus.TRIGGERED


async def test_what_starts_without_having_failed_leaves_nothing_behind(pipeline: Pipeline, clock: Clock) -> None:
    await post(pipeline, clock, "Started")
    assert await pipeline.incidents() == []
