"""The Web API's methods: each takes its arguments and returns Slack's answer. https://docs.slack.dev/reference/methods"""

from bot.localslack.blocks import problems_of
from bot.localslack.method import Failed, channel_of, decoded, joined, method, open_channel, with_ids
from bot.localslack.state import APP_ID, BOT_ID, BOT_USER, TEAM, USERGROUP, Channel, Json, Workspace, reacted

MAX_TEXT = 40_000


def _content(given: Json) -> Json:
    """Text, blocks and metadata, checked."""
    text, blocks = given.get("text") or "", decoded(given.get("blocks")) or []
    if not text and not blocks:
        raise Failed("no_text")
    if len(text) > MAX_TEXT:
        raise Failed("msg_too_long")
    problems = problems_of(blocks)
    if problems:
        raise Failed("invalid_blocks", response_metadata={"messages": [f"[ERROR] {p}" for p in problems]})
    metadata = decoded(given.get("metadata"))
    if metadata is not None and not (
        isinstance(metadata, dict) and metadata.get("event_type") and isinstance(metadata.get("event_payload"), dict)
    ):
        raise Failed("invalid_metadata_format")
    return {"text": text, "blocks": with_ids(blocks)} | ({"metadata": metadata} if metadata else {})


@method("api.test")
def api_test(workspace: Workspace, given: Json, base: str) -> Json:
    return {"args": given}


@method("auth.test")
def auth_test(workspace: Workspace, given: Json, base: str) -> Json:
    return {
        "url": f"{base}/",
        "team": "Tandem local",
        "user": "tandem",
        "team_id": TEAM,
        "user_id": BOT_USER,
        "bot_id": BOT_ID,
    }


@method("chat.postMessage")
def post_message(workspace: Workspace, given: Json, base: str) -> Json:
    channel = open_channel(workspace, given)
    thread = given.get("thread_ts")
    if thread and not any(message["ts"] == thread for message in channel.messages):
        raise Failed("thread_not_found")
    message = {
        "type": "message",
        "ts": workspace.next_ts(),
        "user": BOT_USER,
        "bot_id": BOT_ID,
        "app_id": APP_ID,
        "team": TEAM,
        **_content(given),
    }
    if thread:
        message["thread_ts"] = thread
        if given.get("reply_broadcast") in (True, 1, "1", "true"):
            message["subtype"] = "thread_broadcast"
    workspace.add(channel, message)
    if pane := workspace.panes.get((channel.id, str(thread or ""))):
        pane["status"] = ""  # the bot has answered
    return {"channel": channel.id, "ts": message["ts"], "message": message}


@method("chat.update")
def update_message(workspace: Workspace, given: Json, base: str) -> Json:
    channel = channel_of(workspace, given)
    message = channel.find(str(given.get("ts", "")))
    if message is None:
        raise Failed("message_not_found")
    if message.get("bot_id") != BOT_ID:
        raise Failed("cant_update_message")
    if channel.is_archived:
        raise Failed("is_inactive")
    message |= _content(given) | {"edited": {"user": BOT_USER, "ts": workspace.next_ts()}}
    return {"channel": channel.id, "ts": message["ts"], "text": message["text"], "message": message}


@method("chat.delete")
def delete_message(workspace: Workspace, given: Json, base: str) -> Json:
    channel, ts = channel_of(workspace, given), str(given.get("ts", ""))
    if channel.find(ts) is None:
        raise Failed("message_not_found")
    channel.messages = [message for message in channel.messages if message["ts"] != ts]
    channel.threads.pop(ts, None)
    channel.threads = {t: [m for m in found if m["ts"] != ts] for t, found in channel.threads.items()}
    return {"channel": channel.id, "ts": ts}


@method("chat.postEphemeral")
def post_ephemeral(workspace: Workspace, given: Json, base: str) -> Json:
    channel = channel_of(workspace, given)
    if given.get("user") not in workspace.users:
        raise Failed("user_not_in_channel")
    message = {
        "ts": workspace.next_ts(),
        "channel": channel.id,
        "user": given["user"],
        "thread_ts": given.get("thread_ts"),
        **_content(given),
    }
    workspace.ephemerals.append(message)
    return {"message_ts": message["ts"]}


@method("chat.getPermalink")
def get_permalink(workspace: Workspace, given: Json, base: str) -> Json:
    channel, ts = channel_of(workspace, given), str(given.get("message_ts", ""))
    if channel.find(ts) is None:
        raise Failed("message_not_found")
    return {"channel": channel.id, "permalink": f"{base}/#{channel.id}/{ts}"}


def _page(found: list[Json], given: Json, key: str) -> Json:
    """One page; the cursor is the position of the next."""
    limit = max(1, min(int(given.get("limit") or 100), 999))
    start = int(given.get("cursor") or 0)
    following = str(start + limit) if start + limit < len(found) else ""
    page = {key: found[start : start + limit], "response_metadata": {"next_cursor": following}}
    return page | ({"has_more": bool(following)} if key == "messages" else {})


def _between(messages: list[Json], given: Json) -> list[Json]:
    oldest, latest = float(given.get("oldest") or 0), float(given.get("latest") or "inf")
    inclusive = str(given.get("inclusive", "")).lower() in ("1", "true")
    within = [
        m for m in messages if oldest < float(m["ts"]) < latest or (inclusive and float(m["ts"]) in (oldest, latest))
    ]
    if str(given.get("include_all_metadata", "")).lower() in ("1", "true"):
        return within
    return [{key: value for key, value in m.items() if key != "metadata"} for m in within]


@method("conversations.history")
def history(workspace: Workspace, given: Json, base: str) -> Json:
    found = _between(joined(workspace, given).messages, given)
    return _page(list(reversed(found)), given, "messages")


@method("conversations.replies")
def replies(workspace: Workspace, given: Json, base: str) -> Json:
    """A thread by its first message; by the ts of a reply that reply alone."""
    channel, ts = channel_of(workspace, given), str(given.get("ts", ""))
    parent = channel.find(ts)
    if parent is None:
        raise Failed("thread_not_found")
    return _page(_between([parent, *channel.threads.get(ts, [])], given), given, "messages")


def _described(channel: Channel) -> Json:
    about = {"id": channel.id, "name": channel.name, "is_channel": True, "is_archived": channel.is_archived}
    return (
        about
        | {"is_member": channel.is_member, "is_private": channel.is_private}
        | {
            "creator": channel.creator,
            "created": channel.created,
        }
    )


@method("conversations.list")
def list_channels(workspace: Workspace, given: Json, base: str) -> Json:
    seen = [one for one in workspace.channels.values() if not one.person and (one.is_member or not one.is_private)]
    if str(given.get("exclude_archived", "")).lower() in ("1", "true"):
        seen = [one for one in seen if not one.is_archived]
    return _page([_described(channel) for channel in seen], given, "channels")


@method("conversations.info")
def channel_info(workspace: Workspace, given: Json, base: str) -> Json:
    return {"channel": _described(channel_of(workspace, given))}


@method("conversations.open")
def open_conversation(workspace: Workspace, given: Json, base: str) -> Json:
    """With one person alone. https://docs.slack.dev/reference/methods/conversations.open"""
    user = str(given.get("users", ""))
    if user not in workspace.users:
        raise Failed("user_not_found")
    return {"channel": {"id": workspace.direct(user).id}}


@method("users.lookupByEmail")
def lookup_by_email(workspace: Workspace, given: Json, base: str) -> Json:
    user = next((one for one, name in workspace.users.items() if given.get("email") == f"{name}@local.example"), None)
    if user is None:
        raise Failed("users_not_found")
    return {"user": _known(workspace, user)}


@method("conversations.join")
def join(workspace: Workspace, given: Json, base: str) -> Json:
    channel = channel_of(workspace, given)
    channel.is_member = True
    return {"channel": _described(channel)}


@method("conversations.members")
def members(workspace: Workspace, given: Json, base: str) -> Json:
    channel = channel_of(workspace, given)
    return {"members": channel.members or [*workspace.users, BOT_USER], "response_metadata": {"next_cursor": ""}}


def _known(workspace: Workspace, user: str) -> Json:
    """A person as those in the workspace see them."""
    team, guest = workspace.team_of(user), user in workspace.guests
    marks = {
        "deleted": user in workspace.deactivated,
        "is_restricted": guest,
        "is_ultra_restricted": False,
        "is_stranger": team != TEAM,
    }
    return _person(user, workspace.users[user]) | {"team_id": team, **marks}


def _person(user: str, name: str) -> Json:
    profile = {"display_name": name, "real_name": name.capitalize()}
    return {
        "id": user,
        "team_id": TEAM,
        "name": name,
        "real_name": name.capitalize(),
        "is_bot": False,
        "profile": profile,
    }


@method("users.info")
def user_info(workspace: Workspace, given: Json, base: str) -> Json:
    user = str(given.get("user", ""))
    if user == BOT_USER:
        return {"user": _person(user, "tandem") | {"is_bot": True}}
    if user not in workspace.users:
        raise Failed("user_not_found")
    return {"user": _known(workspace, user)}


@method("users.list")
def list_users(workspace: Workspace, given: Json, base: str) -> Json:
    return _page([_known(workspace, user) for user in workspace.users], given, "members")


@method("bots.info")
def bot_info(workspace: Workspace, given: Json, base: str) -> Json:
    return {"bot": {"id": BOT_ID, "app_id": APP_ID, "user_id": BOT_USER, "name": "tandem"}}


@method("usergroups.list")
def list_usergroups(workspace: Workspace, given: Json, base: str) -> Json:
    names = {USERGROUP: ("oncall", "On call")}
    enabled = [group for group in workspace.usergroups if group not in workspace.disabled]
    named = [(group, *names.get(group, (group.lower(), group))) for group in enabled]
    return {"usergroups": [{"id": group, "handle": handle, "name": name} for group, handle, name in named]}


@method("usergroups.users.list")
def list_usergroup(workspace: Workspace, given: Json, base: str) -> Json:
    group = str(given.get("usergroup", ""))
    found = workspace.usergroups.get(group)
    if found is None or group in workspace.disabled:
        raise Failed("no_such_subteam")
    return {"users": found}


@method("reactions.add")
def add_reaction(workspace: Workspace, given: Json, base: str) -> Json:
    message = channel_of(workspace, given).find(str(given.get("timestamp", "")))
    if message is None:
        raise Failed("message_not_found")
    if not reacted(message, str(given.get("name", "")), BOT_USER):
        raise Failed("already_reacted")
    return {}
