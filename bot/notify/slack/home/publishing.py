"""Publishes pages of people in Slack. https://docs.slack.dev/reference/methods/views.publish"""

from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError, SlackObjectFormationError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import LostLease
from bot.notify.channel import ChannelFailure, ChannelRefusal, ContentRefused, MessageRefused
from bot.notify.home.home_card import HomeCard
from bot.notify.slack.failures import code_of, meaning_of, retry_after_of
from bot.notify.slack.home.render_home import plain_home, render_home
from bot.observability.metrics import SLACK_CALLS

METHOD = "views.publish"
_OFF = "not_enabled"
_NO_ANSWER = (TimeoutError, aiohttp.ClientError, OSError, SlackClientError, AttributeError, TypeError, KeyError)

log = structlog.get_logger(__name__)


class SlackHomes:
    """Implements :class:`bot.notify.home.homes.Pages`. ``may`` is asked before each call."""

    def __init__(self, client: AsyncWebClient, may: Callable[[], bool] = lambda: True) -> None:
        self._client, self._may = client, may

    def render(self, card: HomeCard) -> Mapping[str, Any]:
        try:
            return render_home(card)
        except SlackObjectFormationError as error:
            log.error("slack.home_not_rendered", reason=str(error))
            return plain_home(card)

    async def publish(self, user: str, page: Mapping[str, Any]) -> None:
        if not self._may():
            raise LostLease(f"{METHOD}: another replica shows the pages by now")
        try:
            await self._client.views_publish(user_id=user, view=dict(page))
        except SlackApiError as error:
            SLACK_CALLS.labels(METHOD, "refused").inc()
            raise _meaning_of(error) from error
        except _NO_ANSWER as error:
            SLACK_CALLS.labels(METHOD, "unreachable").inc()
            raise ChannelFailure(f"{METHOD}: {type(error).__name__} {error}".strip()) from error
        SLACK_CALLS.labels(METHOD, "ok").inc()


def _meaning_of(error: SlackApiError) -> Exception:
    code = code_of(error)
    if getattr(error.response, "status_code", 0) == 429 or code in ("ratelimited", "rate_limited"):
        return ChannelFailure(f"{METHOD}: rate limited", retry_after_of(error))
    if code == _OFF:
        return ChannelRefusal(f"{METHOD}: the Home tab is not switched on: do so under App Home of the Slack app")
    meaning = meaning_of(METHOD, error)
    return MessageRefused(str(meaning)) if isinstance(meaning, ContentRefused) else meaning
