"""What ``tandem doctor`` reads from stored alerts: severities that nobody knows, and topics that nobody named."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from bot.commands.parts.checks.alerts import check_alerts
from bot.commands.parts.checks.finding import Finding, Mark
from bot.config import Config
from bot.domain.event import AlertEvent
from bot.storage.database import open_database
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
ARN = "arn:aws:sns:eu-west-1:123456789012:alarms"


async def found(pipeline: Pipeline, **config: object) -> dict[str, Finding]:
    findings = await check_alerts(pipeline.database, Config.model_validate(config))
    return {finding.subject: finding for finding in findings}


@pytest.fixture
def lately(clock: Clock) -> None:
    clock.now = datetime.now(UTC) - timedelta(days=1)


@pytest.mark.usefixtures("lately")
async def test_words_for_severity_that_nobody_knows_are_listed_with_what_to_write(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    for name, severity in (("A", "blue"), ("B", "blue"), ("C", "Sev Green"), ("D", "warning"), ("E", "P1")):
        await pipeline.send(alert(alertname=name, severity=severity))
    severities = (await found(pipeline))["severities"]
    assert severities.mark is Mark.WARN
    assert severities.text.endswith("'blue' (2), 'Sev Green' (1)")
    assert "severities: {'blue': high}" in severities.advice
    own = {"blue": "high", "sev-green": "info"}
    assert (await found(pipeline, severities=own))["severities"].mark is Mark.OK


async def test_words_of_long_ago_are_not_listed(pipeline: Pipeline, alert: MakeAlert, clock: Clock) -> None:
    clock.now = datetime.now(UTC) - timedelta(days=8)
    await pipeline.send(alert(severity="blue"))
    assert (await found(pipeline))["severities"].mark is Mark.OK


@pytest.mark.usefixtures("lately")
async def test_where_cloudwatch_sends_its_topics_are_asked_for(
    pipeline: Pipeline, alert: MakeAlert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TANDEM_CLOUDWATCH_TOPICS", raising=False)
    assert (await found(pipeline))["CloudWatch"].mark is Mark.OK
    await pipeline.send(msgspec.structs.replace(alert(), source="cloudwatch"))
    topics = (await found(pipeline))["CloudWatch"]
    assert topics.mark is Mark.WARN
    assert "TANDEM_CLOUDWATCH_TOPICS" in topics.advice
    monkeypatch.setenv("TANDEM_CLOUDWATCH_TOPICS", ARN)
    assert (await found(pipeline))["CloudWatch"].mark is Mark.OK
    monkeypatch.setenv("TANDEM_CLOUDWATCH_TOPICS", f"{ARN}, alarms")
    topics = (await found(pipeline))["CloudWatch"]
    assert topics.mark is Mark.WARN
    assert "'alarms'" in topics.text


async def test_a_database_without_tables_has_no_alerts(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/new.db")
    findings = await check_alerts(database, Config())
    await database.close()
    assert [finding.mark for finding in findings] == [Mark.OK, Mark.OK]
