"""Somebody shares a link to a report of an incident or of a model: a card under it says how that is now.

Only where the channel shows incidents of that correlation domain already, and nobody of another organisation reads it;
and only for those who may ask about it. https://docs.slack.dev/reference/events/link_shared
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StorageUnavailable
from bot.incidents.permissions import Action, may
from bot.notify.incident_card import card_of
from bot.notify.slack.sharing.unfurls import Blocks, incident_blocks, text_blocks
from bot.notify.slack.text import literal
from bot.notify.view import load_view
from bot.storage.queries import incidents
from bot.storage.queries.shown import channel_messages
from handlers.slack.calls import Event
from handlers.slack.models import last_seen, monitor_in_words, states_of, unchecked
from handlers.slack.registry import event

MOST_LINKS, MOST_MONITORS = 5, 10
_PATH = re.compile(r"(?:/.*)?/(incidents|models)/([^/]{1,900})/report/?")

_NUMBER = re.compile(r"[0-9]{1,12}")

log = structlog.get_logger(__name__)


def _meant(url: str) -> tuple[str, str] | None:
    """``incidents`` or ``models`` and the id or the name, for the address of a report."""
    try:
        found = _PATH.fullmatch(urlsplit(url).path)
    except ValueError:
        return None
    name = unquote(found[2]) if found else ""
    return (found[1], name) if found and name.isprintable() else None


def _links(fields: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Those to reports, by address as Slack gives it."""
    urls = (str(one.get("url", "")) for one in fields.get("links") or () if isinstance(one, dict))
    return {url: meant for url in urls if (meant := _meant(url))}


def _is_posted(fields: Mapping[str, Any]) -> bool:
    """While it is being written nobody knows in which channel it will stand; then the event comes again."""
    return fields.get("source") != "composer" and bool(fields.get("channel")) and bool(_links(fields))


@event("link_shared", _is_posted)
async def shared(event: Event) -> None:
    unfurls = event.endpoint.unfurls
    if unfurls is None or event.outsiders_read:
        return
    channel, cards = str(event.about["channel"]), dict[str, Blocks]()
    try:
        async with event.database.read() as connection:
            for url, (kind, name) in list(_links(event.about).items())[:MOST_LINKS]:
                card = await _CARDS[kind](event, connection, channel, name)
                cards |= {url: card} if card else {}
    except StorageUnavailable as error:
        log.warning("slack.link_not_shown", reason=str(error))
        return
    if cards:
        await unfurls.show(channel, str(event.about.get("message_ts", "")), cards)


async def _incident(event: Event, connection: AsyncConnection, channel: str, name: str) -> Blocks | None:
    """By its number or its id, as the page takes both."""
    numbered = await incidents.by_number(connection, int(name)) if _NUMBER.fullmatch(name) else None
    view = await load_view(connection, numbered.id if numbered else name, event.now)
    if view is None or not may(event.who, Action.ASK, view.incident):
        return None
    if not await channel_messages.shows_domain(connection, channel, view.incident.domain):
        return None
    return incident_blocks(card_of(view))


async def _model(event: Event, connection: AsyncConnection, channel: str, name: str) -> Blocks | None:
    """With the checks of the domains that the channel shows."""
    watch = event.endpoint.models
    if watch is None or name not in watch.models or not may(event.who, Action.LOOK, None):
        return None
    if not await channel_messages.shows_any(connection, channel):
        return None
    overview = await watch.overview_of(connection, name)
    states = states_of(watch, name, overview)
    seen = {
        domain: not domain or await channel_messages.shows_domain(connection, channel, domain)
        for domain in {state.domain for state in states}
    }
    shown = sorted((state for state in states if seen[state.domain]), key=lambda one: (not one.fires, one.monitor))
    firing = len({state.monitor for state in shown if state.fires})
    how = f"🔴 {firing} of its monitors {'fires' if firing == 1 else 'fire'}" if firing else "🟢 no monitor fires"
    if not firing and unchecked(watch, name, overview):
        how = "⚪ no monitor fires; some could not check"
    lines = [f"*{literal(name, 200)}* · {how}"]
    if all(seen.values()):
        lines[0] += f" · {last_seen(overview, event.now)}"
    lines += [monitor_in_words(state.monitor, state) for state in shown[:MOST_MONITORS]]
    more = len(shown) - MOST_MONITORS
    return text_blocks([*lines, *([f"and {more} more"] if more > 0 else [])])


_CARDS = {"incidents": _incident, "models": _model}
