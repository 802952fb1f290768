"""Acknowledgements and resolutions, to PagerDuty and Opsgenie and from them, and no way round in a circle."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest

from bot.domain.event import AlertEvent, AlertStatus
from bot.domain.incident import IncidentStatus
from bot.incidents import lifecycle
from bot.integrations.http import ToolFailure
from bot.integrations.opsgenie import Opsgenie
from bot.integrations.pagerduty import PagerDuty
from bot.integrations.statuses import StatusSync
from tests.integration.integrations.tool_servers import OpsgenieServer, PagerDutyServer
from tests.integration.pipeline_driver import Pipeline

USER = "U012AB3CD"


class Told:
    """An incident of alerts from a tool, and the teller of that tool."""

    def __init__(self, pipeline: Pipeline, server: PagerDutyServer | OpsgenieServer, teller: StatusSync) -> None:
        self.pipeline, self.server, self.teller = pipeline, server, teller

    async def happens(self, status: str = "firing", fingerprint: str = "PGR0VU2", **fields: Any) -> None:
        event = AlertEvent(
            source=self.teller.name,
            fingerprint=fingerprint,
            status=AlertStatus(status),
            labels={"alertname": "Bump", "service": "api"},
            starts_at=self.pipeline.clock.now,
            **fields,
        )
        await self.pipeline.send(event)

    async def acknowledge(self) -> None:
        incident = await self.pipeline.only_incident()
        await lifecycle.acknowledge(self.pipeline.database, incident.id, USER, self.pipeline.clock.now)

    async def resolve(self) -> None:
        incident = await self.pipeline.only_incident()
        await lifecycle.resolve(self.pipeline.database, incident.id, USER, self.pipeline.clock.now)

    async def tell(self) -> int:
        """How many calls it took until the tool knew everything."""
        told = 0
        while await self.teller.send_one(self.pipeline.clock.now):
            told += 1
            assert told < 20
        return told


@pytest.fixture
async def pagerduty(pipeline: Pipeline) -> AsyncIterator[Told]:
    server = PagerDutyServer()
    async with server.listening(), aiohttp.ClientSession() as session:
        tool = PagerDuty(server.token, server.sender, server.url)
        yield Told(pipeline, server, StatusSync(pipeline.database, tool, session))


@pytest.fixture
async def opsgenie(pipeline: Pipeline) -> AsyncIterator[Told]:
    server = OpsgenieServer()
    async with server.listening(), aiohttp.ClientSession() as session:
        yield Told(pipeline, server, StatusSync(pipeline.database, Opsgenie(server.token, server.url), session))


async def test_what_is_done_here_is_told_to_pagerduty_once_each(pagerduty: Told) -> None:
    await pagerduty.happens()
    assert await pagerduty.tell() == 0
    await pagerduty.acknowledge()
    assert (await pagerduty.tell(), pagerduty.server.statuses) == (1, {"PGR0VU2": "acknowledged"})
    await pagerduty.happens(acknowledged_by="PagerDuty: Bot")  # what it says of what we told it
    assert await pagerduty.tell() == 0
    await pagerduty.resolve()
    assert (await pagerduty.tell(), pagerduty.server.statuses) == (1, {"PGR0VU2": "resolved"})
    assert await pagerduty.tell() == 0
    incident = await pagerduty.pipeline.only_incident()
    assert (incident.acknowledged_by, incident.resolved_by) == (USER, USER)


async def test_what_is_done_here_is_told_to_opsgenie_of_every_alert_that_fires(opsgenie: Told) -> None:
    await opsgenie.happens(fingerprint="a-1")
    await opsgenie.happens(fingerprint="a-2")
    await opsgenie.happens("resolved", fingerprint="a-2")
    await opsgenie.happens(fingerprint="a/3")
    await opsgenie.acknowledge()
    assert (await opsgenie.tell(), opsgenie.server.statuses) == (2, {"a-1": "acknowledge", "a/3": "acknowledge"})
    await opsgenie.resolve()
    assert (await opsgenie.tell(), opsgenie.server.statuses) == (2, {"a-1": "close", "a/3": "close"})


async def test_who_acknowledges_there_looks_after_the_incident_and_is_not_told_of_it(pagerduty: Told) -> None:
    await pagerduty.happens()
    before = (await pagerduty.pipeline.only_incident()).version
    await pagerduty.happens(acknowledged_by="PagerDuty: Ada")
    incident = await pagerduty.pipeline.only_incident()
    assert (incident.status, incident.acknowledged_by) == (IncidentStatus.ACKNOWLEDGED, "PagerDuty: Ada")
    assert incident.version > before
    assert (await pagerduty.pipeline.timeline_of(incident))[-1] == "Acknowledged"
    assert (await pagerduty.tell(), pagerduty.server.calls) == (0, [])
    await pagerduty.happens(acknowledged_by="PagerDuty: Bob")
    assert (await pagerduty.pipeline.only_incident()).acknowledged_by == "PagerDuty: Ada"


async def test_an_alert_that_is_acknowledged_at_its_first_sight_opens_an_acknowledged_incident(pagerduty: Told) -> None:
    await pagerduty.happens(acknowledged_by="PagerDuty: Ada")
    incident = await pagerduty.pipeline.only_incident()
    assert (incident.status, incident.acknowledged_by) == (IncidentStatus.ACKNOWLEDGED, "PagerDuty: Ada")


async def test_a_resolution_there_is_one_here_and_is_not_told_back(pagerduty: Told) -> None:
    await pagerduty.happens()
    await pagerduty.acknowledge()
    await pagerduty.happens("resolved")
    incident = await pagerduty.pipeline.only_incident()
    assert (incident.status, incident.resolved_by) == (IncidentStatus.RESOLVED, None)
    assert await pagerduty.tell() == 0


async def test_a_refusal_is_said_once_in_the_thread_without_secrets_and_not_repeated(pagerduty: Told) -> None:
    pagerduty.server.refuse = {"PUT": 403}
    await pagerduty.happens(fingerprint="P1")
    await pagerduty.happens(fingerprint="P2")
    await pagerduty.acknowledge()
    assert await pagerduty.tell() == 2
    assert await pagerduty.tell() == 0
    timeline = await pagerduty.pipeline.timeline_of(await pagerduty.pipeline.only_incident())
    [said] = [text for text in timeline if "PagerDuty did not take" in text]
    assert "status 403" in said and pagerduty.server.token not in said
    pagerduty.server.refuse = {}
    await pagerduty.resolve()
    assert (await pagerduty.tell(), pagerduty.server.statuses) == (2, {"P1": "resolved", "P2": "resolved"})


@pytest.mark.parametrize("lost", [True, False])
async def test_an_outage_loses_nothing(pagerduty: Told, lost: bool) -> None:
    await pagerduty.happens()
    await pagerduty.acknowledge()
    pagerduty.server.lose, pagerduty.server.refuse = lost, {} if lost else {"PUT": 503}
    with pytest.raises(ToolFailure):
        await pagerduty.tell()
    pagerduty.server.lose, pagerduty.server.refuse = False, {}
    assert (await pagerduty.tell(), pagerduty.server.statuses) == (1, {"PGR0VU2": "acknowledged"})


async def test_what_is_older_than_a_day_and_what_is_of_other_sources_is_not_told(pagerduty: Told) -> None:
    await pagerduty.happens()
    await pagerduty.acknowledge()
    pagerduty.pipeline.clock.pass_(days=2)
    assert await pagerduty.tell() == 0
    event = AlertEvent("zabbix", "z", AlertStatus.FIRING, {"alertname": "Z"}, pagerduty.pipeline.clock.now)
    await pagerduty.pipeline.send(msgspec.structs.replace(event, acknowledged_by=""))
    assert (await pagerduty.tell(), pagerduty.server.calls) == (0, [])
