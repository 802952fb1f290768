"""What people do in the workspace: click, type a command, fill in a form, write. The app is notified as by Slack."""

import re
import uuid
from typing import Any

from bot.localslack.blocks import problems_of_options
from bot.localslack.delivery import Delivery
from bot.localslack.state import APP_ID, BOT_USER, TEAM, Channel, Json, Workspace, reacted
from bot.localslack.unfurls import links_in

_BY_NAME = re.compile(r"(?<![\w<])@tandem\b", re.IGNORECASE)


class People:
    def __init__(self, workspace: Workspace, delivery: Delivery) -> None:
        self._workspace = workspace
        self._delivery = delivery
        self.base = ""

    async def click(
        self, user: str, channel: str, ts: str, action: str, state: Json | None = None, *, block: str | None = None
    ) -> int:
        """Use the element whose ``action_id`` is or begins with ``action``; returns the app's status.

        ``state`` is what was chosen in an element other than a button. Raises KeyError where the message, or
        its block, has no such element.
        """
        place = self._workspace.channel(channel)
        message = self._seen(user, place, ts) if place else None
        if place is None or message is None:
            raise KeyError(f"no message {ts} in {channel}")
        ephemeral = message.get("channel") is not None
        payload = self._payload("block_actions", user) | {
            "channel": {"id": place.id, "name": place.name},
            "container": {"type": "message", "message_ts": ts, "channel_id": place.id, "is_ephemeral": ephemeral},
            "response_url": self._workspace.new_response_url(self.base, user, place.id, ts),
            "state": {"values": {}},
            "actions": [self._action(message, action, state, block)],
        }
        status, _ = await self._delivery.interaction(payload if ephemeral else payload | {"message": message})
        return status

    async def click_view(
        self, user: str, kind: str, action: str, state: Json | None = None, block: str | None = None
    ) -> int:
        """The same in the form (``modal``) or the app's page (``home``) that a person sees. Raises KeyError."""
        view = (self._workspace.homes if kind == "home" else self._workspace.views)[user]
        payload = self._payload("block_actions", user) | {
            "container": {"type": "view", "view_id": view["id"]},
            "view": {**view, "state": {"values": {}}},
            "actions": [self._action(view, action, state, block)],
        }
        status, _ = await self._delivery.interaction(payload)
        return status

    def _seen(self, user: str, place: Channel, ts: str) -> Json | None:
        """A message of the channel, or one that only this person sees."""
        own = (
            m for m in self._workspace.ephemerals if m["ts"] == ts and m["user"] == user and m["channel"] == place.id
        )
        return place.find(ts) or next(own, None)

    def _action(self, within: Json, action: str, state: Json | None, block: str | None) -> Json:
        block_id, element = _find_element(within, action, block)
        state = state or _choice_of(element, action)
        used: Json = {key: element[key] for key in ("action_id", "type", "text", "value", "style") if key in element}
        return {**used, **state, "block_id": block_id, "action_ts": self._workspace.next_ts()}

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

    async def shortcut(self, user: str, callback_id: str, channel: str | None = None, ts: str | None = None) -> int:
        """Use a shortcut of the app, of a message where one is given; returns the app's status. Raises KeyError.

        https://docs.slack.dev/reference/interaction-payloads/shortcuts-interaction-payload
        """
        payload = self._payload("shortcut", user) | {"callback_id": callback_id, "action_ts": self._workspace.next_ts()}
        if channel is not None and ts is not None:
            place = self._workspace.channel(channel)
            message = place.find(ts) if place else None
            if place is None or message is None:
                raise KeyError(f"no message {ts} in {channel}")
            about = {"type": "message_action", "message_ts": ts, "message": message}
            about |= {"response_url": self._workspace.new_response_url(self.base, user, place.id, None)}
            payload |= about | {"channel": {"id": place.id, "name": place.name}}
        status, _ = await self._delivery.interaction(payload)
        return status

    async def suggest(self, user: str, action: str, text: str) -> list[Json]:
        """What a list with a search in a person's form offers for what they type. Raises KeyError.

        https://docs.slack.dev/reference/interaction-payloads/block_suggestion-payload
        """
        view = self._workspace.views[user]
        block = next((b for b in view["blocks"] if (b.get("element") or {}).get("action_id") == action), None)
        if block is None or block["element"]["type"] != "external_select":
            raise KeyError(f"there is no list {action}")
        about: Json = {"view": {**view, "state": {"values": {}}}, "container": {"type": "view", "view_id": view["id"]}}
        about |= {"action_id": action, "block_id": block["block_id"], "value": text}
        payload = self._payload("block_suggestion", user) | about
        del payload["trigger_id"]  # so that two that are alike are the same request
        _, answer = await self._delivery.interaction(payload)
        options = answer.get("options") or []
        if problems := problems_of_options(options):
            raise ValueError("; ".join(problems))
        return list(options)

    async def submit_view(self, user: str, values: dict[str, Any]) -> Json:
        """Submit the form that is open for a user; returns the errors by block id.

        ``values`` are by block id: text, or for other elements the element's state, as ``{"selected_option": …}``.
        """
        view = self._workspace.views[user]
        state: Json = {}
        for block in view["blocks"]:
            if block["type"] == "input":
                element = block["element"]
                given = values.get(block["block_id"])
                chosen = given if isinstance(given, dict) else {"value": given}
                state[block["block_id"]] = {element.get("action_id", "value"): {"type": element["type"], **chosen}}
        payload = self._payload("view_submission", user) | {
            "view": {**view, "state": {"values": state}},
            "response_urls": [],
        }
        status, answer = await self._delivery.interaction(payload)
        if answer.get("response_action") == "errors":
            return dict(answer["errors"])
        if status != 200:
            return {"": f"the app answered with {status}"}
        if answer.get("response_action") == "update":
            self._workspace.views[user] = {**view, "submit": None, **answer["view"], "id": view["id"]}
        else:
            self._workspace.views.pop(user, None)
        await self._workspace.touch()
        return {}

    async def close_view(self, user: str) -> None:
        self._workspace.views.pop(user, None)
        await self._workspace.touch()

    async def post(self, user: str, channel: str, text: str, thread: str | None = None) -> str:
        """Say something as a person, in the channel or a thread. The app is notified where it is mentioned and a member
        of the channel, and of what is written to it directly."""
        place = self._workspace.channel(channel)
        if place is None:
            raise KeyError(f"no channel {channel}")
        text = _BY_NAME.sub(f"<@{BOT_USER}>", text)
        team = self._workspace.team_of(user)
        message = {"type": "message", "ts": self._workspace.next_ts(), "user": user, "text": text, "team": team}
        if thread and place.find(thread) is None:
            raise KeyError(f"no message {thread} in {channel}")
        message |= {"thread_ts": thread} if thread else {}
        self._workspace.add(place, message)
        await self._workspace.touch()
        event = message | {"channel": place.id, "event_ts": message["ts"]}
        if place.person:
            await self.happened("message.im", event | {"channel_type": "im"})
        elif place.is_member and f"<@{BOT_USER}" in text:
            await self.happened("app_mention", event | {"type": "app_mention"})
        if links := links_in(text):
            await self._shared(place, message, links)
        return str(message["ts"])

    async def _shared(self, place: Channel, message: Json, links: list[Json]) -> None:
        about = {"type": "link_shared", "channel": place.id, "user": message["user"], "message_ts": message["ts"]}
        about |= {"thread_ts": message["thread_ts"]} if "thread_ts" in message else {}
        about |= {"is_bot_user_member": place.is_member, "source": "conversations_history", "links": links}
        about |= {"unfurl_id": f"{place.id}.{message['ts']}", "event_ts": message["ts"]}
        await self.happened("link_shared", about, place.is_ext_shared)

    async def open_home(self, user: str) -> None:
        """Look at the app's page. The app is notified of each time. Raises KeyError."""
        home = self._workspace.homes.get(user)
        event = {"type": "app_home_opened", "user": user, "channel": f"D0{user[1:]}", "tab": "home"}
        shown: Json = {"view": home} if home else {}
        await self.happened("app_home_opened", {**event, "event_ts": self._workspace.next_ts(), **shown})

    async def react(self, user: str, channel: str, ts: str, name: str) -> None:
        """Add a reaction to a message; once by each person, as Slack has it. Raises KeyError."""
        place = self._workspace.channel(channel)
        message = place.find(ts) if place else None
        if place is None or message is None:
            raise KeyError(f"no message {ts} in {channel}")
        if not reacted(message, name, user):
            return
        await self._workspace.touch()
        if place.is_member:
            item = {"type": "message", "channel": place.id, "ts": ts}
            about = {"type": "reaction_added", "user": user, "reaction": name, "item_user": message.get("user")}
            about |= {"item": item, "event_ts": self._workspace.next_ts()}
            await self.happened("reaction_added", about)

    async def happened(self, kind: str, event: Json, ext_shared: bool = False) -> None:
        """Notify the app, if it subscribes to events of this kind."""
        if kind in self._workspace.events:
            await self._delivery.event(event, ext_shared)

    async def take_response(self, token: str, response: Json) -> bool:
        """What an app says through a response URL, which holds five times."""
        known = self._workspace.response_urls.get(token)
        if known is None or known["left"] <= 0:
            return False
        known["left"] -= 1
        place = self._workspace.channels[known["channel"]]
        content = {"text": response.get("text", ""), "blocks": response.get("blocks") or []}
        ts = self._workspace.next_ts()
        original = self._seen(known["user"], place, known["ts"]) if known["ts"] else None
        if response.get("delete_original") and original is not None:
            self._forget(place, original)
        elif response.get("replace_original") and original is not None:
            original |= content
        elif response.get("response_type") == "in_channel":
            self._workspace.add(place, {"type": "message", "ts": ts, "user": BOT_USER, "bot_id": "B0TANDEM", **content})
        else:
            self._workspace.ephemerals.append({"ts": ts, "channel": place.id, "user": known["user"], **content})
        await self._workspace.touch()
        return True

    def _forget(self, place: Channel, message: Json) -> None:
        if message in self._workspace.ephemerals:
            self._workspace.ephemerals.remove(message)
        else:
            place.messages = [kept for kept in place.messages if kept["ts"] != message["ts"]]

    def _payload(self, kind: str, user: str) -> Json:
        return {
            "type": kind,
            "user": {"id": user, "username": self._workspace.users[user], "team_id": self._workspace.team_of(user)},
            "api_app_id": APP_ID,
            "token": "unused",
            "team": {"id": TEAM, "domain": "local"},
            "enterprise": None,
            "is_enterprise_install": False,
            "trigger_id": self._workspace.new_trigger(user) if user in self._workspace.users else uuid.uuid4().hex,
        }


def _find_element(within: Json, action: str, block_id: str | None) -> tuple[str, Json]:
    """The element of this ``action_id``, else the first that begins so, else a menu with a choice that does."""
    found = [
        (str(block.get("block_id", "")), element)
        for block in within.get("blocks", [])
        if block_id is None or block.get("block_id") == block_id
        for element in [*block.get("elements", []), block.get("accessory") or {}]
        if isinstance(element, dict)
    ]
    named = [one for one in found if str(one[1].get("action_id", "")).startswith(action)]
    named = named or [one for one in found if _choice_of(one[1], action)]
    if not named:
        raise KeyError(f"there is no button {action}")
    return next((one for one in named if one[1].get("action_id") == action), named[0])


def _choice_of(element: Json, action: str) -> Json:
    """What a person chooses in an overflow menu to do this; empty for any other element."""
    options = element.get("options", []) if element.get("type") == "overflow" else []
    option = next((one for one in options if str(one.get("value", "")).startswith(action)), None)
    return {"selected_option": option} if option else {}
