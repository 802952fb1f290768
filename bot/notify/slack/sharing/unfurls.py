"""Cards under links that people share. https://docs.slack.dev/messaging/unfurling-links-in-messages"""

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.models.blocks import Block
from slack_sdk.web.async_client import AsyncWebClient

from bot.notify.card import IncidentCard
from bot.notify.slack.blocks import section
from bot.notify.slack.failures import code_of
from bot.notify.slack.render import facts, headline
from bot.notify.slack.text import literal

Blocks = list[dict[str, Any]]

log = structlog.get_logger(__name__)


class Unfurls:
    """Shows cards under the links of a message."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def show(self, channel: str, ts: str, cards: Mapping[str, Blocks]) -> None:
        """``cards`` by the address as it stands in the message. What cannot be shown is logged: nobody waits for it."""
        unfurls = {url: {"blocks": blocks} for url, blocks in cards.items()}
        try:
            await self._client.chat_unfurl(channel=channel, ts=ts, unfurls=unfurls)
        except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = code_of(error) if isinstance(error, SlackApiError) else type(error).__name__
            log.warning("slack.link_not_shown", reason=reason)


def incident_blocks(card: IncidentCard) -> Blocks:
    """What it is, how it stands, since when, who has it and why: nothing to click on, for it is not kept up to date."""
    blocks: list[Block] = [section(f"*{literal(headline(card), 200)}*"), facts(card)]
    if card.cause:
        title = "Likely cause" if card.open else "Likely cause was"
        blocks.append(section(f"🔍 {title}: {literal(card.cause.phrase, 300)}"))
    return [block.to_dict() for block in blocks]


def text_blocks(lines: Sequence[str]) -> Blocks:
    return [section("\n".join(lines)).to_dict()]
