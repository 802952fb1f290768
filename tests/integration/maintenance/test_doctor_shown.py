"""What ``tandem doctor`` says of messages in Slack that are not as their incidents are."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.commands.parts.checks.finding import Mark
from bot.commands.parts.checks.shown import check_shown
from bot.config import Environment
from bot.domain.event import AlertEvent
from bot.storage.queries.shown import channel_messages
from bot.storage.queries.shown.channel_messages import ChannelMessage
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]


async def test_what_is_shown_nowhere_or_not_as_it_is_is_counted_with_since_when(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    environment = Environment()
    clock.now = datetime.now(UTC) - timedelta(minutes=20)
    await pipeline.send(alert(cluster="one"), alert(cluster="two"), alert(cluster="three"))
    assert [one.mark for one in await check_shown(pipeline.database, environment)] == [Mark.WARN]
    first, second, third = await pipeline.incidents()
    shown = [
        ChannelMessage(incident_id=first.id, channel="C1", ts="1.0", shown_version=first.version),
        ChannelMessage(incident_id=second.id, channel="C1", ts="2.0", shown_version=0),
        ChannelMessage(incident_id=third.id, channel="C1", digest_rank=7),
    ]
    async with pipeline.database.write() as connection:
        await channel_messages.save_all(connection, shown)
    [said] = await check_shown(pipeline.database, environment)
    assert said.text.startswith("messages that are not as their incidents are: 1; for 20m")
    await pipeline.send(alert(cluster="four"))
    [said] = await check_shown(pipeline.database, environment)
    assert said.text.startswith("open incidents that are shown nowhere: 1, messages that are not")
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    assert await check_shown(pipeline.database, Environment()) == [], "nobody expects anything there"
