"""The figures about incidents as metrics: as `/incident stats` says them, under names that are known and bounded."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from bot.domain.access.team import Team, Teams
from bot.domain.event import AlertEvent
from bot.health import review_metrics
from bot.health.review_metrics import ReviewMetrics
from bot.incidents import lifecycle
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
TEAMS = Teams({"shop": Team(services=["ca*"])})


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    yield
    review_metrics.withdraw()


def _read(figure: str, by: str, name: str, days: int = 30) -> float | None:
    labels = {"days": str(days), "by": by, "name": name}
    return REGISTRY.get_sample_value(f"tandem_review_{figure}", labels)


async def _incident(pipeline: Pipeline, clock: Clock, alert: MakeAlert, service: str, *, acknowledged: bool) -> None:
    """It lasts ten minutes, and is acknowledged after four."""
    await pipeline.send(alert(service=service, cluster=service))
    clock.pass_(minutes=4)
    if acknowledged:
        incident = max(await pipeline.incidents(), key=lambda one: one.number)
        await lifecycle.acknowledge(pipeline.database, incident.id, "U012AB3CD", clock())
    clock.pass_(minutes=6)
    await pipeline.send(alert("resolved", service=service, cluster=service))


async def test_each_team_and_service_has_its_figures_and_all_together(
    pipeline: Pipeline, clock: Clock, alert: MakeAlert
) -> None:
    await _incident(pipeline, clock, alert, "cart", acknowledged=True)
    await _incident(pipeline, clock, alert, "mail", acknowledged=False)
    await ReviewMetrics(pipeline.database, TEAMS, ["cart", "mail"], clock).publish()
    assert [_read(one, "all", "") for one in ("incidents", "mtta_seconds", "mttr_seconds", "noise")] == [2, 240, 600, 1]
    assert [_read(one, "team", "shop") for one in ("incidents", "mtta_seconds", "noise", "reopened")] == [1, 240, 0, 0]
    assert _read("incidents", "team", "(none)") == 1
    assert _read("mtta_seconds", "service", "mail") is None, "nothing to take the mean of"
    assert _read("noise", "service", "mail") == 1


async def test_what_is_past_goes_and_the_shorter_span_is_its_own(
    pipeline: Pipeline, clock: Clock, alert: MakeAlert
) -> None:
    metrics = ReviewMetrics(pipeline.database, TEAMS, ["cart"], clock)
    await _incident(pipeline, clock, alert, "cart", acknowledged=True)
    clock.now += timedelta(days=8)
    await metrics.publish()
    assert (_read("incidents", "service", "cart", 30), _read("incidents", "service", "cart", 7)) == (1, None)
    clock.now += timedelta(days=30)
    await metrics.publish()
    assert _read("incidents", "service", "cart", 30) is None
    assert _read("incidents", "all", "") == 0


async def test_names_that_only_alerts_know_are_no_labels(
    pipeline: Pipeline, clock: Clock, alert: MakeAlert, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in ("cart", "cart", 'evil"} 1', "mail"):
        await _incident(pipeline, clock, alert, service, acknowledged=False)
        clock.pass_(minutes=30)
    monkeypatch.setattr(review_metrics, "MOST_NAMES", 1)
    await ReviewMetrics(pipeline.database, TEAMS, ["cart", "mail"], clock).publish()
    names = {
        sample.labels["name"]
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name == "tandem_review_incidents" and sample.labels["by"] == "service"
    }
    assert names == {"cart", "(others)"}
    assert _read("incidents", "service", "(others)") == 2
