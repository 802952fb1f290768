"""What people do in the workspace: click, type a command, fill in a form. The app hears of it as Slack tells it."""

import uuid
from typing import Any

from bot.localslack.delivery import Delivery
from bot.localslack.state import APP_ID, BOT_USER, TEAM, Json, Workspace


class People:
    def __init__(self, workspace: Workspace, delivery: Delivery) -> None:
        self._workspace = workspace
        self._delivery = delivery
        self.base = ""

    async def click(self, user: str, channel: str, ts: str, action: str, state: Json | None = None) -> int:
        """Press the button whose ``action_id`` is or begins with ``action``; returns the app's status.

        Raises KeyError where the message has no such button.
        """
        place = self._workspace.channel(channel)
        message = place.find(ts) if place else None
        if place is None or message is None:
            raise KeyError(f"no message {ts} in {channel}")
        block_id, element = _find_element(message, action)
        pressed = {key: element[key] for key in ("action_id", "type", "text", "value", "style") if key in element}
        payload = self._payload("block_actions", user) | {
            "channel": {"id": place.id, "name": place.name},
            "container": {"type": "message", "message_ts": ts, "channel_id": place.id, "is_ephemeral": False},
            "message": message,
            "response_url": self._workspace.new_response_url(self.base, user, place.id, ts),
            "state": {"values": {}},
            "actions": [{**pressed, **(state or {}), "block_id": block_id, "action_ts": self._workspace.next_ts()}],
        }
        status, _ = await self._delivery.interaction(payload)
        return status

    async def command(self, user: str, channel: str, command: str, text: str) -> int:
        """Type a slash command; returns the app's status."""
        place = self._workspace.channel(channel)
        if place is None:
            raise KeyError(f"no channel {channel}")
        form = {
            "token": "unused",
            "team_id": TEAM,
            "team_domain": "local",
            "channel_id": place.id,
            "channel_name": place.name,
            "user_id": user,
            "user_name": self._workspace.users[user],
            "command": command,
            "text": text,
            "api_app_id": APP_ID,
            "is_enterprise_install": "false",
            "response_url": self._workspace.new_response_url(self.base, user, place.id, None),
            "trigger_id": self._workspace.new_trigger(user),
        }
        status, answer = await self._delivery.command(form)
        if status == 200 and answer.get("text"):
            await self.take_response(form["response_url"].rpartition("/")[2], answer)
        return status

    async def submit_view(self, user: str, values: dict[str, Any]) -> Json:
        """Submit the form that is open for a user, with text by block id; returns the errors by block id."""
        view = self._workspace.views[user]
        state: Json = {}
        for block in view["blocks"]:
            if block["type"] == "input":
                element = block["element"]
                given = {"type": element["type"], "value": values.get(block["block_id"])}
                state[block["block_id"]] = {element.get("action_id", "value"): given}
        payload = self._payload("view_submission", user) | {"view": {**view, "state": {"values": state}}, "response_urls": []}
        status, answer = await self._delivery.interaction(payload)
        if answer.get("response_action") == "errors":
            return dict(answer["errors"])
        if status != 200:
            return {"": f"the app answered with {status}"}
        self._workspace.views.pop(user, None)
        await self._workspace.touch()
        return {}

    async def close_view(self, user: str) -> None:
        self._workspace.views.pop(user, None)
        await self._workspace.touch()

    async def post(self, user: str, channel: str, text: str) -> str:
        """Say something as a person; apps are not told."""
        place = self._workspace.channel(channel)
        if place is None:
            raise KeyError(f"no channel {channel}")
        message = {"type": "message", "ts": self._workspace.next_ts(), "user": user, "text": text, "team": TEAM}
        self._workspace.add(place, message)
        await self._workspace.touch()
        return str(message["ts"])

    async def take_response(self, token: str, said: Json) -> bool:
        """What an app says through a response URL, which holds five times."""
        known = self._workspace.response_urls.get(token)
        if known is None or known["left"] <= 0:
            return False
        known["left"] -= 1
        place = self._workspace.channels[known["channel"]]
        content = {"text": said.get("text", ""), "blocks": said.get("blocks") or []}
        ts = self._workspace.next_ts()
        if said.get("replace_original") and known["ts"] and (message := place.find(known["ts"])):
            message |= content
        elif said.get("response_type") == "in_channel":
            self._workspace.add(place, {"type": "message", "ts": ts, "user": BOT_USER, "bot_id": "B0TANDEM", **content})
        else:
            self._workspace.ephemerals.append({"ts": ts, "channel": place.id, "user": known["user"], **content})
        await self._workspace.touch()
        return True

    def _payload(self, kind: str, user: str) -> Json:
        return {
            "type": kind,
            "user": {"id": user, "username": self._workspace.users[user], "team_id": TEAM},
            "api_app_id": APP_ID,
            "token": "unused",
            "team": {"id": TEAM, "domain": "local"},
            "enterprise": None,
            "is_enterprise_install": False,
            "trigger_id": self._workspace.new_trigger(user) if user in self._workspace.users else uuid.uuid4().hex,
        }


def _find_element(message: Json, action: str) -> tuple[str, Json]:
    for block in message.get("blocks", []):
        for element in [*block.get("elements", []), block.get("accessory") or {}]:
            if isinstance(element, dict) and str(element.get("action_id", "")).startswith(action):
                return str(block["block_id"]), element
    raise KeyError(f"the message has no button {action}")
