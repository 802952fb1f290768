"""One message that Slack refuses, for whatever reason, waits alone; and those who run Tandem learn of it."""

from collections.abc import AsyncIterator, Callable

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent
from bot.localslack import LocalSlack
from bot.notify.channel import ChannelFailure
from bot.notify.notifier import Notifier
from bot.notify.setbacks import FIRST_WAIT
from bot.notify.slack.channel import SlackChannel
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
REASONS = ("edit_window_closed", "invalid_arguments", "an_error_of_tomorrow", "restricted_action_thread_locked")


class Shown:
    """A pipeline and what a channel shows of it; ``seconds`` is moved by hand."""

    def __init__(self, pipeline: Pipeline, slack: LocalSlack) -> None:
        self.pipeline, self.slack, self.seconds = pipeline, slack, 0.0
        channel = SlackChannel(AsyncWebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[]), "incidents")
        self.notifier = Notifier(
            pipeline.database, channel, pipeline.clock, interval=0, timer=lambda: self.seconds, sleep=_at_once
        )

    async def publish(self) -> list[str]:
        """What stands in the channel afterwards, with the icon of the state."""
        while await self.notifier.reconcile():
            pass
        return [message["text"] for message in self.slack.messages("incidents")]

    def calls(self, method: str) -> int:
        return sum(call["method"] == method for call in self.slack.calls)

    def replies(self, text: str) -> int:
        """How many replies the thread of a message has."""
        [ts] = [message["ts"] for message in self.slack.messages("incidents") if text in message["text"]]
        return len(self.slack.replies("incidents", ts))


async def _at_once(seconds: float) -> None:
    return


@pytest.fixture
async def shown(pipeline: Pipeline) -> AsyncIterator[Shown]:
    async with LocalSlack() as slack:
        yield Shown(pipeline, slack)


@pytest.mark.parametrize("reason", REASONS)
async def test_an_edit_that_is_refused_waits_alone_and_is_tried_again_later(
    shown: Shown, alert: MakeAlert, reason: str
) -> None:
    await shown.pipeline.send(alert(service="refused"), alert(service="other"))
    await shown.publish()
    shown.slack.fail("chat.update", "refused", count=1000, error=reason, about="refused")
    await shown.pipeline.send(alert("resolved", service="refused"), alert("resolved", service="other"))
    texts = await shown.publish()
    assert any("on other" in text and "resolved" in text for text in texts)
    assert any("on refused" in text and "triggered" in text for text in texts)
    assert "the message of incident #" in shown.notifier.setbacks.in_words()
    assert reason in shown.notifier.setbacks.in_words()
    assert shown.notifier.problem is None, "the channel works"
    tried = shown.calls("chat.update")
    await shown.publish()
    assert shown.calls("chat.update") == tried, "it is not tried again at once"
    shown.slack.clear_faults()
    shown.seconds += FIRST_WAIT + 1
    assert all("resolved" in text for text in await shown.publish())
    assert shown.notifier.setbacks.in_words() == ""


@pytest.mark.parametrize("reason", REASONS)
async def test_a_post_that_is_refused_waits_alone_and_is_posted_once_in_the_end(
    shown: Shown, alert: MakeAlert, reason: str
) -> None:
    shown.slack.fail("chat.postMessage", "refused", count=1000, error=reason, about="refused")
    await shown.pipeline.send(alert(service="refused", severity="critical"), alert(service="other"))
    [only] = await shown.publish()
    assert "on other" in only
    shown.slack.clear_faults()
    shown.seconds += FIRST_WAIT + 1
    assert len(await shown.publish()) == 2


async def test_a_locked_thread_waits_alone(shown: Shown, alert: MakeAlert) -> None:
    await shown.pipeline.send(alert(service="locked"), alert(service="other"))
    await shown.publish()
    [locked] = [message["ts"] for message in shown.slack.messages("incidents") if "on locked" in message["text"]]
    error = "restricted_action_thread_locked"
    shown.slack.fail("chat.postMessage", "refused", count=1000, error=error, about=locked)
    await shown.pipeline.send(alert("resolved", service="locked"), alert("resolved", service="other"))
    assert all("resolved" in text for text in await shown.publish())
    assert (shown.replies("on locked"), shown.replies("on other")) == (1, 2)
    assert "the thread of incident #" in shown.notifier.setbacks.in_words()
    shown.slack.clear_faults()
    shown.seconds += FIRST_WAIT + 1
    await shown.publish()
    assert shown.replies("on locked") == 2


async def test_content_that_is_refused_in_its_simplest_form_too_ends_nothing(shown: Shown, alert: MakeAlert) -> None:
    shown.slack.fail("chat.postMessage", "refused", count=1000, error="msg_too_long", about="refused")
    await shown.pipeline.send(alert(service="refused", severity="critical"), alert(service="other"))
    [only] = await shown.publish()
    assert "on other" in only


async def test_a_message_on_which_slack_always_fails_is_told_from_an_outage_by_what_else_succeeds(
    shown: Shown, alert: MakeAlert
) -> None:
    await shown.pipeline.send(alert(service="poison", severity="critical"), alert(service="other"))
    shown.slack.fail("chat.postMessage", "500", count=1000, about="poison")
    with pytest.raises(ChannelFailure):
        await shown.publish()
    [only] = await shown.publish()
    assert "on other" in only
    assert "the message of incident #" in shown.notifier.setbacks.in_words()
    shown.slack.clear_faults()
    shown.seconds += FIRST_WAIT + 1
    assert len(await shown.publish()) == 2


async def test_an_outage_sets_nothing_aside(shown: Shown, alert: MakeAlert) -> None:
    await shown.pipeline.send(alert(service="one"), alert(service="two"), alert(service="three"))
    shown.slack.fail("chat.postMessage", "500", count=4)
    for _ in range(4):
        with pytest.raises(ChannelFailure):
            await shown.notifier.reconcile()
    assert len(await shown.publish()) == 3
    assert shown.notifier.setbacks.in_words() == ""


async def test_a_limit_on_posts_holds_up_posts_alone(shown: Shown, alert: MakeAlert) -> None:
    await shown.pipeline.send(alert(service="old"))
    await shown.publish()
    shown.slack.fail("chat.postMessage", "429", count=1, retry_after=20)
    await shown.pipeline.send(alert(service="new", severity="critical"), alert("resolved", service="old"))
    [old] = await shown.publish()
    assert "resolved" in old
    before = shown.calls("chat.postMessage")
    shown.seconds += 19
    await shown.publish()
    assert shown.calls("chat.postMessage") == before, "the time that Slack gave is waited for"
    shown.seconds += 2
    assert len(await shown.publish()) == 2


async def test_a_long_limit_is_tried_early_once_and_then_waited_for(shown: Shown, alert: MakeAlert) -> None:
    shown.slack.fail("chat.postMessage", "429", count=2, retry_after=3600)
    await shown.pipeline.send(alert())
    await shown.publish()
    for seconds, calls in ((31, 2), (600, 2), (3000, 3)):
        shown.seconds += seconds
        await shown.publish()
        assert min(shown.calls("chat.postMessage"), 3) == calls
    assert len(shown.slack.messages("incidents")) == 1
