"""Answers that stand in a thread, for everybody who reads it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import Chart
from bot.notify.channel import ChannelFailure, ContentRefused, MessageGone, MessageRefused
from bot.notify.charts.chart import in_words, render_chart
from bot.notify.plain_text import shortened
from bot.notify.slack.channel import SlackChannel
from bot.notify.slack.failures import code_of
from handlers.slack.answers import SLACK_ERRORS
from handlers.slack.calls import Place
from handlers.slack.privately import channel_of
from handlers.slack.reply import Reply

log = structlog.get_logger(__name__)


def place_of(body: Mapping[str, Any]) -> Place:
    """The thread of the message that somebody clicked on."""
    message = body.get("message") or {}
    ts = str(message.get("ts") or (body.get("container") or {}).get("message_ts") or "")
    return Place(channel_of(body), str(message.get("thread_ts") or ts), ts)


async def post(client: AsyncWebClient, place: Place, reply: Reply) -> None:
    """Show an answer in the thread, and what takes more time after it: a chart, and what takes the answer's place."""
    try:
        posted = await client.chat_postMessage(
            channel=place.channel,
            thread_ts=place.thread,
            text=reply.text,
            blocks=list(reply.blocks) or None,
            unfurl_links=False,
            unfurl_media=False,
        )
        ts = str(posted["ts"])
        if reply.named is not None:
            await _replace(client, place, ts, reply.named)
    except SLACK_ERRORS as error:
        log.warning("slack.answer_failed", reason=_reason(error))
        return
    if reply.chart is not None:
        await _draw(client, place, reply.chart)
    if reply.later is not None:
        try:
            await _replace(client, place, ts, await reply.later())
        except SLACK_ERRORS as error:
            log.warning("slack.answer_failed", reason=_reason(error))


async def _replace(client: AsyncWebClient, place: Place, ts: str, by: Reply) -> None:
    shown = by.named or by
    await client.chat_update(channel=place.channel, ts=ts, text=shown.text, blocks=list(shown.blocks))


async def _draw(client: AsyncWebClient, place: Place, chart: Chart) -> None:
    channel = SlackChannel(client, place.channel)
    try:
        picture = await asyncio.to_thread(render_chart, chart)
        file = await channel.upload("answer.png", picture, in_words(chart))
        await channel.share(file, shortened(chart.title, 200) or "Chart", place.thread)
    except (ChannelFailure, ContentRefused, MessageGone, MessageRefused) as error:
        log.warning("slack.chart_failed", reason=str(error))
    except Exception:
        log.exception("slack.chart_not_drawn", title=chart.title[:100])  # the answer itself stands


def _reason(error: Exception) -> str:
    return str(code_of(error) if isinstance(error, SlackApiError) else type(error).__name__)
