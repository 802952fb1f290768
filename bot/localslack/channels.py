"""Channels that an app makes, fills with people, and archives. https://docs.slack.dev/reference/methods"""

import re
import time

from bot.localslack.method import Failed, channel_of, method
from bot.localslack.state import BOT_USER, Channel, Json, Workspace, channel_id_of

MAX_NAME, MAX_INVITED = 80, 100
_NAME = re.compile(r"[a-z0-9_-]+")


@method("conversations.create")
def create(workspace: Workspace, given: Json, base: str) -> Json:
    """https://docs.slack.dev/reference/methods/conversations.create#errors"""
    name = str(given.get("name") or "")
    if not name:
        raise Failed("invalid_name_required")
    if len(name) > MAX_NAME:
        raise Failed("invalid_name_maxlength")
    if not _NAME.fullmatch(name):
        raise Failed("invalid_name_specials")
    if not any(character.isalnum() for character in name):
        raise Failed("invalid_name_punctuation")
    if any(channel.name == name for channel in workspace.channels.values()):
        raise Failed("name_taken")
    made = Channel(channel_id_of(name), name, creator=BOT_USER, created=int(time.time()), members=[BOT_USER])
    while made.id in workspace.channels:
        made.id += "0"
    workspace.channels[made.id] = made
    return {"channel": {"id": made.id, "name": name, "is_channel": True, "creator": BOT_USER, "created": made.created}}


@method("conversations.invite")
def invite(workspace: Workspace, given: Json, base: str) -> Json:
    """With ``force``, who can be invited is, whatever is wrong with others.

    https://docs.slack.dev/reference/methods/conversations.invite#errors
    """
    channel = channel_of(workspace, given)
    if channel.is_archived:
        raise Failed("is_archived")
    if not channel.is_member:
        raise Failed("not_in_channel")
    people = [one.strip() for one in str(given.get("users") or "").split(",") if one.strip()]
    if not people:
        raise Failed("no_user")
    if len(people) > MAX_INVITED:
        raise Failed("too_many_users")
    wrong = {one: why for one in people if (why := _why_not(workspace, channel, one))}
    if wrong and (str(given.get("force")).lower() not in ("1", "true") or len(wrong) == len(people)):
        errors = [{"user": one, "ok": False, "error": why} for one, why in wrong.items()]
        raise Failed(next(iter(wrong.values())), errors=errors)
    channel.members += [one for one in people if one not in wrong]
    return {"channel": {"id": channel.id, "name": channel.name}}


def _why_not(workspace: Workspace, channel: Channel, user: str) -> str:
    if user == BOT_USER:
        return "cant_invite_self"
    if user not in workspace.users:
        return "user_not_found"
    if user in workspace.deactivated:
        return "cant_invite"
    return "already_in_channel" if user in channel.members else ""


@method("conversations.archive")
def archive(workspace: Workspace, given: Json, base: str) -> Json:
    """https://docs.slack.dev/reference/methods/conversations.archive#errors"""
    channel = channel_of(workspace, given)
    if channel.is_archived:
        raise Failed("already_archived")
    if not channel.is_member:
        raise Failed("not_in_channel")
    channel.is_archived = True
    return {}
