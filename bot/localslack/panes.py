"""Conversations with the app beside what a person looks at: opened at the side (``assistant_view``), or as the
conversation with the app itself (``agent_view``). https://docs.slack.dev/ai/migrating-to-agent-messaging
"""

from bot.localslack.method import Failed, channel_of, decoded, method
from bot.localslack.people import People
from bot.localslack.state import BOT_ID, BOT_USER, TEAM, Channel, Json, Workspace

MOST_PROMPTS = 4


def pane_at(workspace: Workspace, channel: Channel, thread: str) -> Json:
    return workspace.panes.setdefault((channel.id, thread), {"title": "", "status": "", "prompts": [], "heading": ""})


async def open_assistant(workspace: Workspace, people: People, user: str, viewed: str | None = None) -> str:
    """Open the conversation with the app while a person looks at a channel; the thread, in an app that has one."""
    place = workspace.direct(user)
    if workspace.agent_view:
        about = {"user": user, "channel": place.id, "tab": "messages", **_entities(workspace, viewed)}
        await people.happened("app_home_opened", {"type": "app_home_opened", **about})
        return ""
    root = {
        "type": "message",
        "subtype": "assistant_app_thread",
        "user": BOT_USER,
        "bot_id": BOT_ID,
        "text": "New chat",
    }
    root |= {"ts": workspace.next_ts(), "team": TEAM}
    workspace.add(place, root)
    await workspace.touch()
    await _in_thread("assistant_thread_started", workspace, people, user, str(root["ts"]), viewed)
    return str(root["ts"])


async def look_at(
    workspace: Workspace, people: People, user: str, viewed: str, thread: str = "", message: str = ""
) -> None:
    """Go to another channel, or a message in one, while the conversation is open."""
    if workspace.agent_view:
        about = {"user": user, "channel": workspace.direct(user).id, **_entities(workspace, viewed, message)}
        await people.happened("app_context_changed", {"type": "app_context_changed", **about})
    else:
        await _in_thread("assistant_thread_context_changed", workspace, people, user, thread, viewed)


async def _in_thread(
    kind: str, workspace: Workspace, people: People, user: str, thread: str, viewed: str | None
) -> None:
    place = workspace.channel(viewed) if viewed else None
    context: Json = {"channel_id": place.id, "team_id": TEAM, "enterprise_id": None} if place else {}
    pane = {"user_id": user, "context": context, "channel_id": workspace.direct(user).id, "thread_ts": thread}
    await people.happened(kind, {"type": kind, "assistant_thread": pane, "event_ts": workspace.next_ts()})


def _entities(workspace: Workspace, viewed: str | None, message: str = "") -> Json:
    place = workspace.channel(viewed) if viewed else None
    if place is None:
        return {"context": {}}
    entity: Json = {"type": "slack#/types/channel_id", "value": place.id, "team_id": TEAM}
    if message:
        value = {"channel_id": place.id, "message_ts": message}
        entity = {"type": "slack#/types/message_context", "value": value, "team_id": TEAM}
    return {"context": {"entities": [entity]}, "event_ts": workspace.next_ts()}


def _thread_of(workspace: Workspace, given: Json) -> tuple[Channel, str]:
    channel, thread = channel_of(workspace, {"channel": given.get("channel_id")}), str(given.get("thread_ts") or "")
    if not thread or channel.find(thread) is None:
        raise Failed("invalid_thread_ts")
    return channel, thread


@method("assistant.threads.setStatus")
def set_status(workspace: Workspace, given: Json, base: str) -> Json:
    """https://docs.slack.dev/reference/methods/assistant.threads.setStatus"""
    pane_at(workspace, *_thread_of(workspace, given))["status"] = str(given.get("status", ""))
    return {}


@method("assistant.threads.setTitle")
def set_title(workspace: Workspace, given: Json, base: str) -> Json:
    """https://docs.slack.dev/reference/methods/assistant.threads.setTitle"""
    if not given.get("title"):
        raise Failed("invalid_arguments")
    pane_at(workspace, *_thread_of(workspace, given))["title"] = str(given["title"])
    return {}


@method("assistant.threads.setSuggestedPrompts")
def set_prompts(workspace: Workspace, given: Json, base: str) -> Json:
    """In an app with ``agent_view``, what names a thread changes nothing, and no error says so.

    https://docs.slack.dev/reference/methods/assistant.threads.setSuggestedPrompts
    """
    prompts = decoded(given.get("prompts")) or []
    if not prompts or len(prompts) > MOST_PROMPTS or not all(one["title"] and one["message"] for one in prompts):
        raise Failed("invalid_arguments")
    thread = str(given.get("thread_ts") or "")
    if workspace.agent_view and thread:
        return {}
    place = (channel_of(workspace, {"channel": given.get("channel_id")}), "")
    pane = pane_at(workspace, *(place if workspace.agent_view else _thread_of(workspace, given)))
    pane |= {"prompts": prompts, "heading": str(given.get("title") or "")}
    return {}
