"""What a person looks at while they talk with the bot, and what is suggested to them for it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident
from bot.errors import StorageUnavailable
from bot.incidents.permissions import Action, Who, may
from bot.notify.slack.conversations.panes import MOST_PROMPTS, Prompt
from bot.questions.answering import load
from bot.questions.question import suggested
from bot.storage.queries import incidents
from bot.storage.queries.shown import channel_messages, panes
from bot.storage.queries.shown.panes import Pane
from handlers.slack.calls import Event, SlackEndpoint
from handlers.slack.panes.open_incidents import meant_by, open_for

_CHANNEL, _MESSAGE = "slack#/types/channel_id", "slack#/types/message_context"

log = structlog.get_logger(__name__)


class Viewed(NamedTuple):
    """A channel, and a message of it where it is one that the person looks at."""

    channel: str = ""
    message: str = ""


async def looks_at(event: Event, channel: str, thread: str, viewed: Viewed) -> None:
    """Somebody who talks with the bot looks at something: keep it, and suggest what fits."""
    if event.endpoint.panes is None or not channel or not event.user:
        return
    try:
        async with event.database.write() as connection:
            incident_id = await _incident_at(connection, viewed)
            about = {"viewed": viewed.channel, "incident_id": incident_id}
            pane = Pane(channel=channel, thread=thread, **about, changed_at=event.now)
            await panes.save(connection, pane)
        await suggest(event.endpoint, event.who, pane)
    except StorageUnavailable as error:
        log.warning("slack.pane_not_shown", what="prompts", reason=str(error))


async def _incident_at(connection: AsyncConnection, viewed: Viewed) -> str:
    if not viewed.message:
        return ""
    return await channel_messages.shown_as(connection, viewed.channel, viewed.message) or ""


async def suggest(endpoint: SlackEndpoint, who: Who, pane: Pane) -> None:
    """Questions about the incident that is meant, else the incidents that may be. Raises StorageUnavailable."""
    assert endpoint.panes is not None
    async with endpoint.database.read() as connection:
        meant = await which(connection, pane, who)
        meant = meant or await open_for(connection, who)
    title, prompts = await _about(endpoint, meant[0]) if len(meant) == 1 else _among(meant)
    await endpoint.panes.suggest(pane.channel, pane.thread, title, prompts)


async def which(connection: AsyncConnection, pane: Pane, who: Who) -> list[Incident]:
    """The incident that was asked about last, else those that the person may mean by what they look at."""
    asked = await incidents.by_id(connection, pane.incident_id) if pane.incident_id else None
    if asked:
        return [asked] if may(who, Action.ASK, asked) else []
    return await meant_by(connection, pane.viewed, who) if pane.viewed else []


async def _about(endpoint: SlackEndpoint, incident: Incident) -> tuple[str, list[Prompt]]:
    situation = await load(endpoint.known, incident, endpoint.clock())
    number = f"#{incident.number}"
    prompts = [Prompt(one.label, f"{number}: {one.label}") for one in suggested(situation, MOST_PROMPTS)]
    return f"Ask about {number} {incident.title}", prompts


def _among(found: Sequence[Incident]) -> tuple[str, list[Prompt]]:
    if not found:
        return "No incident is open that you may ask about", [Prompt("What can I ask?", "What can I ask?")]
    more = f", of {len(found)}" if len(found) > MOST_PROMPTS else ""
    prompts = [Prompt(f"#{one.number} {one.title}", f"#{one.number}: How does it stand?") for one in found]
    return f"Which incident? The worst come first{more}", prompts


def in_assistant_thread(about: Mapping[str, Any], home: frozenset[str] | None) -> tuple[str, str, Viewed]:
    """The conversation, its thread and what is looked at, of the events of ``assistant_view``."""
    given = about.get("assistant_thread")
    pane: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    context = pane.get("context")
    seen: Mapping[str, Any] = context if isinstance(context, Mapping) else {}
    viewed = Viewed(str(seen.get("channel_id") or "")) if _ours(seen.get("team_id"), home) else Viewed()
    return str(pane.get("channel_id") or ""), str(pane.get("thread_ts") or ""), viewed


def in_entities(about: Mapping[str, Any], home: frozenset[str] | None) -> Viewed:
    """What is looked at, of the events of ``agent_view``: the first that is a channel or a message.

    https://docs.slack.dev/reference/events/app_context_changed
    """
    context = about.get("context")
    entities = context.get("entities") if isinstance(context, Mapping) else None
    for one in entities if isinstance(entities, list) else []:
        if not isinstance(one, Mapping) or not _ours(one.get("team_id"), home):
            continue
        value = one.get("value")
        if one.get("type") == _CHANNEL and isinstance(value, str):
            return Viewed(value)
        if one.get("type") == _MESSAGE and isinstance(value, Mapping):
            return Viewed(str(value.get("channel_id") or ""), str(value.get("message_ts") or ""))
    return Viewed()


def _ours(team: object, home: frozenset[str] | None) -> bool:
    """What stands in another workspace is nothing of ours, whatever its id."""
    return not team or home is None or team in home


def home_of(event: Event) -> frozenset[str] | None:
    home = event.endpoint.origins.home if event.endpoint.origins else None
    return home.members_of if home else None
