"""The Bolt app: which listener takes which interaction. Every listener acknowledges first, within Slack's 3 s."""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.runbook import Runbook
from bot.domain.watched.telemetry import Watched
from bot.errors import Refused, StorageUnavailable
from bot.incidents import feedback, lifecycle
from bot.remediation.approval import Verdict, decide
from bot.storage.database import Database
from handlers.slack import commands, modal, model

if TYPE_CHECKING:
    from bot.watches.models.watch import ModelsWatch

log = structlog.get_logger(__name__)
_UNAVAILABLE = "Tandem cannot reach its database at the moment: nothing was changed. Please try again."


@dataclass(frozen=True)
class SlackDoor:
    """What the listeners work with. ``on_change`` is called when something was changed that Slack shows.

    ``watched`` are the watches of tandem.yaml by name, ``models`` is what watches models, where anything does.
    ``behind`` says how far the pipeline is behind, None where it is not.
    """

    database: Database
    runbooks: Mapping[str, Runbook]
    clock: Callable[[], datetime]
    on_change: Callable[[], None]
    watched: Mapping[str, Watched] = field(default_factory=dict)
    models: "ModelsWatch | None" = None
    behind: Callable[[], timedelta | None] = lambda: None


def make_bolt_app(client: AsyncWebClient, signing_secret: str | None, door: SlackDoor) -> AsyncApp:
    """An app for HTTP and for Socket Mode alike; in Socket Mode there is no signature to check."""
    app = AsyncApp(
        client=client,
        signing_secret=signing_secret or "unused in Socket Mode",
        logger=logging.getLogger("slack_bolt"),  # else its loggers take the root's level, not their parent's
    )
    app.action(re.compile(r"^run\.(approve|reject)"))(_decision(door))
    app.action(re.compile(r"^incident\.(ack|resolve)"))(_lifecycle(door))
    app.action(re.compile(r"^alert\.not_useful"))(_not_useful(door))
    app.action(re.compile(r".*"))(_other_action)
    app.command("/incident")(_command(door))
    app.command("/model")(_model(door))
    app.view(modal.CALLBACK_ID)(_silence(door))
    return app


async def tell(client: AsyncWebClient, body: Mapping[str, Any], respond: AsyncRespond | None, text: str) -> None:
    """Say something that only the person who clicked sees."""
    channel = (body.get("channel") or {}).get("id") or (body.get("container") or {}).get("channel_id") or ""
    try:
        await client.chat_postEphemeral(channel=channel, user=body["user"]["id"], text=text)
    except SlackApiError as error:
        log.warning("slack.ephemeral_failed", reason=str(error.response.get("error")))
        if respond is not None:
            await respond(text=text, response_type="ephemeral", replace_original=False)


Listener = Callable[..., Any]


def _decision(door: SlackDoor) -> Listener:
    async def listen(
        ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], client: AsyncWebClient, respond: AsyncRespond
    ) -> None:
        await ack()
        verdict: Verdict = "approve" if action["action_id"].startswith("run.approve") else "reject"
        run_id, _, plan_hash = str(action.get("value", "")).partition(":")
        user = body["user"]["id"]
        try:
            await decide(door.database, door.runbooks, run_id, plan_hash, user, verdict, door.clock())
        except Refused as refused:
            await tell(client, body, respond, str(refused))
        except StorageUnavailable:
            await tell(client, body, respond, _UNAVAILABLE)
        door.on_change()

    return listen


def _lifecycle(door: SlackDoor) -> Listener:
    async def listen(
        ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], client: AsyncWebClient, respond: AsyncRespond
    ) -> None:
        await ack()
        change = lifecycle.acknowledge if action["action_id"].startswith("incident.ack") else lifecycle.resolve
        try:
            await change(door.database, str(action.get("value", "")), body["user"]["id"], door.clock())
        except Refused as refused:
            await tell(client, body, respond, str(refused))
        except StorageUnavailable:
            await tell(client, body, respond, _UNAVAILABLE)
        door.on_change()

    return listen


def _not_useful(door: SlackDoor) -> Listener:
    async def listen(
        ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], client: AsyncWebClient, respond: AsyncRespond
    ) -> None:
        await ack()
        incident_id, _, identity = str(action.get("value", "")).partition(":")
        user = body["user"]["id"]
        try:
            await feedback.not_useful(door.database, door.watched, incident_id, identity, user, door.clock())
        except Refused as refused:
            await tell(client, body, respond, str(refused))
        except StorageUnavailable:
            await tell(client, body, respond, _UNAVAILABLE)
        door.on_change()

    return listen


async def _other_action(ack: AsyncAck) -> None:
    """Buttons that only open a link, and those of an older version."""
    await ack()


def _command(door: SlackDoor) -> Listener:
    async def listen(ack: AsyncAck, command: dict[str, Any], client: AsyncWebClient, respond: AsyncRespond) -> None:
        await ack()
        text = str(command.get("text", "")).strip()
        if text.lower() == "silence":
            await client.views_open(trigger_id=command["trigger_id"], view=modal.silence_view(command["channel_id"]))
            return
        try:
            said = await commands.answer(door.database, text, command["user_id"], door.clock(), door.behind())
        except Refused as refused:
            said = str(refused)
        except StorageUnavailable:
            said = _UNAVAILABLE
        await respond(text=said, response_type="ephemeral")
        door.on_change()

    return listen


def _model(door: SlackDoor) -> Listener:
    async def listen(ack: AsyncAck, command: dict[str, Any], respond: AsyncRespond) -> None:
        await ack()
        text = str(command.get("text", "")).strip()
        try:
            said = await model.answer(door.database, door.models, text, command["user_id"], door.clock())
        except Refused as refused:
            said = str(refused)
        except StorageUnavailable:
            said = _UNAVAILABLE
        await respond(text=said, response_type="ephemeral")

    return listen


def _silence(door: SlackDoor) -> Listener:
    async def listen(ack: AsyncAck, body: dict[str, Any], view: dict[str, Any], client: AsyncWebClient) -> None:
        wish = modal.read(view)
        if wish.errors:
            await ack(response_action="errors", errors=wish.errors)
            return
        try:
            said = await commands.add_silence(
                door.database, wish.matchers, wish.span, wish.comment, body["user"]["id"], door.clock()
            )
        except StorageUnavailable:
            await ack(response_action="errors", errors={modal.DURATION: _UNAVAILABLE})
            return
        await ack()
        channel = {"id": view.get("private_metadata", "")}
        await tell(client, {**body, "channel": channel}, None, said)

    return listen
