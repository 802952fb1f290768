"""What the Web API's methods have in common: how they are registered, fail, and read their arguments."""

import json
import uuid
from collections.abc import Callable
from typing import Any

from bot.localslack.state import Channel, Json, Workspace

Method = Callable[[Workspace, Json, str], Json]


class Failed(Exception):
    """An answer with ``ok: false``."""

    def __init__(self, error: str, **details: Any) -> None:
        super().__init__(error)
        self.answer = {"ok": False, "error": error, **details}


METHODS: dict[str, Method] = {}


def method(name: str) -> Callable[[Method], Method]:
    def register(function: Method) -> Method:
        METHODS[name] = function
        return function

    return register


def channel_of(workspace: Workspace, given: Json) -> Channel:
    found = workspace.channel(str(given.get("channel", "")))
    if found is None or (found.is_private and not found.is_member):
        raise Failed("channel_not_found")
    return found


def joined(workspace: Workspace, given: Json) -> Channel:
    """A channel in which the app may read."""
    channel = channel_of(workspace, given)
    if not channel.is_member:
        raise Failed("not_in_channel")
    return channel


def open_channel(workspace: Workspace, given: Json) -> Channel:
    """A channel in which the app may speak, too."""
    channel = joined(workspace, given)
    if channel.is_archived:
        raise Failed("is_archived")
    return channel


def decoded(value: Any) -> Any:
    """A structured argument: JSON text in a form, the value itself in a JSON body."""
    if isinstance(value, str):
        try:
            return json.loads(value) if value else None
        except ValueError as error:
            raise Failed("invalid_arguments") from error
    return value


def with_ids(blocks: list[Json]) -> list[Json]:
    """Blocks and elements with the ids that Slack gives to those that have none."""
    for block in blocks:
        block.setdefault("block_id", uuid.uuid4().hex[:5])
        for element in block.get("elements", []):
            if element.get("type") not in ("mrkdwn", "plain_text", "image") and block["type"] == "actions":
                element.setdefault("action_id", uuid.uuid4().hex[:5])
    return blocks
