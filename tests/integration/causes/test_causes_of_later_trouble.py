"""An incident that took in trouble which began long after it: metrics are asked about that part by itself, too."""

import pytest

from bot.domain.incident import Incident
from bot.inbox.inbox import Inbox
from bot.incidents.regroup import merge_by_hand
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.causes.test_causes_by_metrics import SLOW, named, quantiles, shop
from tests.integration.pipeline_driver import make_alert
from tests.integration.watches.metrics_driver import Metrics

AGO = pytest.mark.parametrize("minutes", [30, 80], ids=["what was before it is remembered", "it is forgotten"])


async def _older(metrics: Metrics, minutes: int) -> Incident:
    """What a group of alerts opened so many minutes ago, with api as the cause of most; metrics were calm."""
    alert = make_alert(metrics.clock)
    await metrics.pipeline.send(*(alert(service=one, group="monitor 17") for one in ("web", "api", "mail")))
    incident = await metrics.pipeline.only_incident()
    assert named(incident)[0] == "api" and incident.causes[0].score < 0.9
    await metrics.minutes(minutes)
    return incident


async def _taken_in(metrics: Metrics, older: Incident) -> Incident:
    """The older incident, with what another alert of web opened just now."""
    await metrics.pipeline.send(make_alert(metrics.clock)(service="web", alertname="HighErrorRate"))
    younger = (await metrics.pipeline.incidents())[-1]
    assert younger.id != older.id
    await merge_by_hand(metrics.pipeline.database, younger.number, older.number, "U1", metrics.clock.now)
    await metrics.pass_(seconds=5)
    return next(one for one in await metrics.pipeline.incidents() if one.id == older.id)


@AGO
async def test_metrics_name_the_cause_of_what_began_long_after_the_incident_and_the_timeline_says_what_it_was(
    database: Database, inbox: Inbox, clock: Clock, minutes: int
) -> None:
    metrics = await shop(database, inbox, clock)
    older = await _older(metrics, minutes)
    metrics.flows = quantiles(SLOW)
    await metrics.minutes(3)
    incident = await _taken_in(metrics, older)
    assert named(incident)[0] == "db"
    [rose, *_] = incident.causes[0].evidence
    assert rose.startswith("p95 latency of db rose from 80")
    assert rose.endswith("3 min before the first alert"), "of web's last alert, and not of the incident's"
    [line] = [one for one in await metrics.pipeline.timeline_of(incident) if "before it was" in one]
    assert line.startswith("Likely cause: A failing dependency, db"), line


async def test_where_metrics_are_calm_around_what_began_later_the_cause_that_was_found_stands(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    metrics = await shop(database, inbox, clock)
    incident = await _taken_in(metrics, await _older(metrics, 80))
    assert named(incident)[0] == "api"
