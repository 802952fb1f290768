"""The Bolt app: hands commands, buttons, forms, messages and events to what is registered for them, and brings the
answers back.

Every listener acknowledges first, within Slack's 3 s; a form is acknowledged with what is wrong in it.
"""

import logging
import re
from collections.abc import Callable
from copy import copy
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot.notify.slack.blocks import MENU, chosen
from bot.notify.slack.identity import Identity
from handlers.slack.actors import actor_in, actor_of_event
from handlers.slack.answers import NotDone, or_words
from handlers.slack.calls import Click, Event, OpenForm, Search, Shortcut, SlackEndpoint, Submission, Written
from handlers.slack.forms import MAX_ERROR, BadFields, metadata_in, values_of
from handlers.slack.forms.elements import listed
from handlers.slack.mentions import listen_to_messages
from handlers.slack.pages import show_anew
from handlers.slack.posting import place_of, post
from handlers.slack.privately import answer_command, channel_of, is_on_page, tell_in_thread, tell_privately, words_view
from handlers.slack.registry import (
    RunAction,
    RunForm,
    RunOptions,
    RunShortcut,
    Wanted,
    actions,
    events,
    forms,
    searches,
    shortcuts,
    slashes,
)
from handlers.slack.replays import first_time
from handlers.slack.reply import Later, Reply
from handlers.slack.slash import answer, unescaped

log = structlog.get_logger(__name__)
Listener = Callable[..., Any]
MOST_OPTIONS, MOST_TYPED = 100, 200


def make_bolt_app(
    client: AsyncWebClient, signing_secret: str | None, endpoint: SlackEndpoint, identity: Identity | None = None
) -> AsyncApp:
    """An app for HTTP and for Socket Mode alike; in Socket Mode there is no signature to check.

    Who the bot is, no request asks Slack: ``identity`` knows it. Bolt would have each one wait for auth.test until that
    succeeds, and drop it where it fails.
    """

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        bot = identity.bot if identity else None
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            bot_id=bot.bot if bot else None,
            bot_user_id=bot.user if bot else None,
            bot_token=client.token,
        )

    without_token = copy(client)
    without_token.token = None  # or Bolt warns that it goes by authorize
    app = AsyncApp(
        client=without_token,
        authorize=authorize,
        signing_secret=signing_secret or "unused in Socket Mode",
        logger=logging.getLogger("slack_bolt"),  # else its loggers take the root's level, not their parent's
    )
    if endpoint.origins is not None:
        app.middleware(endpoint.origins.refuse_strangers)
    for begin, click in actions().items():
        app.action(re.compile(f"^{re.escape(begin)}"))(_on_action(client, endpoint, click))
    app.action(MENU)(_on_menu(client, endpoint))
    app.action(re.compile(r".*"))(_other_action)
    for slash in slashes():
        app.command(slash)(_on_command(client, endpoint, slash))
    for callback_id, submit in forms().items():
        app.view(callback_id)(_on_form(client, endpoint, submit))
    for callback_id, begin_with in shortcuts().items():
        app.shortcut(callback_id)(_on_shortcut(client, endpoint, begin_with))
    for action_id, find in searches().items():
        app.options(action_id)(_on_search(endpoint, find))
    listen_to_messages(app, client, endpoint)
    for kind, wanted in events().items():
        app.event(kind)(_on_event(client, endpoint, wanted))
    return app


def _on_action(client: AsyncWebClient, endpoint: SlackEndpoint, run: RunAction) -> Listener:
    async def listen(ack: AsyncAck, body: dict[str, Any], action: dict[str, Any]) -> None:
        await ack()
        actor, value = await actor_in(body, endpoint), str(action.get("value", ""))
        click = Click(endpoint, actor, endpoint.clock(), value, channel_of(body))
        try:
            text = await or_words(run(click))
            if isinstance(text, OpenForm):
                await or_words(client.views_open(trigger_id=body["trigger_id"], view=dict(text.view)))
                return
        except NotDone as error:
            text = str(error)
        if isinstance(text, Reply):
            await post(client, place_of(body), text)
        elif text:
            await tell_privately(client, body, text)
        if is_on_page(body):
            await show_anew(endpoint, click.user)
        endpoint.on_change()

    return listen


def _on_menu(client: AsyncWebClient, endpoint: SlackEndpoint) -> Listener:
    """What is chosen in a menu does what a button of that action would do."""

    async def listen(ack: AsyncAck, body: dict[str, Any], action: dict[str, Any]) -> None:
        name, value = chosen(str((action.get("selected_option") or {}).get("value", "")))
        run = next((run for begin, run in actions().items() if name.startswith(begin)), None)
        if run is None:
            await ack()
        else:
            await _on_action(client, endpoint, run)(ack, body, {"value": value})

    return listen


async def _other_action(ack: AsyncAck) -> None:
    """Buttons that only open a link, and those of an older version."""
    await ack()


def _on_command(client: AsyncWebClient, endpoint: SlackEndpoint, slash: str) -> Listener:
    async def listen(ack: AsyncAck, command: dict[str, Any]) -> None:
        await ack()
        actor, channel = await actor_in(command, endpoint), command["channel_id"]
        try:
            given = await answer(endpoint, slash, str(command.get("text", "")), actor, channel)
            if isinstance(given, OpenForm):
                await or_words(client.views_open(trigger_id=command["trigger_id"], view=dict(given.view)))
                return
        except NotDone as error:
            given = str(error)
        await answer_command(client, command, given if isinstance(given, Reply) else Reply(given))
        endpoint.on_change()

    return listen


def _on_form(client: AsyncWebClient, endpoint: SlackEndpoint, run: RunForm) -> Listener:
    async def listen(ack: AsyncAck, body: dict[str, Any], view: dict[str, Any]) -> None:
        shown_in, about = metadata_in(view)
        submission = Submission(endpoint, await actor_in(body, endpoint), endpoint.clock(), values_of(view), about)
        try:
            given = await or_words(run(submission))
        except BadFields as error:
            await ack(response_action="errors", errors=error.by_field)
            return
        except NotDone as error:
            await ack(response_action="errors", errors={_first_field(view): str(error)[:MAX_ERROR]})
            return
        if shown_in:
            await ack()
            text = await _finished(given) if isinstance(given, Later) else given
            await tell_privately(client, {**body, "channel": {"id": shown_in}}, text)
        else:  # it was opened from the person's own page
            await ack(response_action="update", view=words_view(given.at_once if isinstance(given, Later) else given))
            if isinstance(given, Later):
                await _finished(given)
            await show_anew(endpoint, submission.user)
        endpoint.on_change()

    return listen


def _on_shortcut(client: AsyncWebClient, endpoint: SlackEndpoint, run: RunShortcut) -> Listener:
    async def listen(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        shortcut = Shortcut(endpoint, await actor_in(body, endpoint), endpoint.clock(), _chosen_message(body))
        try:
            text = await or_words(run(shortcut))
        except NotDone as error:
            text = str(error)
        view = text.view if isinstance(text, OpenForm) else words_view(text)
        try:
            await or_words(client.views_open(trigger_id=body["trigger_id"], view=dict(view)))
        except NotDone as error:
            log.warning("slack.shortcut_not_shown", reason=str(error))
        endpoint.on_change()

    return listen


def _on_search(endpoint: SlackEndpoint, run: RunOptions) -> Listener:
    """https://docs.slack.dev/reference/interaction-payloads/block_suggestion-payload"""

    async def listen(ack: AsyncAck, body: dict[str, Any]) -> None:
        _, about = metadata_in(body.get("view") or {})
        typed = "".join(filter(str.isprintable, unescaped(str(body.get("value") or ""))))[:MOST_TYPED]
        search = Search(endpoint, await actor_in(body, endpoint), endpoint.clock(), typed, about)
        try:
            found = await or_words(run(search))
        except NotDone as error:
            log.info("slack.nothing_to_choose", reason=str(error))
            found = []
        await ack(options=listed(found[:MOST_OPTIONS]))

    return listen


def _chosen_message(body: dict[str, Any]) -> Written | None:
    """https://docs.slack.dev/reference/interaction-payloads/shortcuts-interaction-payload"""
    message = body.get("message")
    if not message:
        return None
    ts, text = str(message.get("ts", "")), unescaped(str(message.get("text") or ""))
    channel, author = str((body.get("channel") or {}).get("id", "")), str(message.get("user") or "")
    by_a_program = bool(message.get("bot_id"))
    return Written(channel, ts, str(message.get("thread_ts") or ts), text, "" if by_a_program else author)


async def _finished(later: Later) -> str:
    """What became of it, also where it could not be done."""
    try:
        return await or_words(later.work())
    except NotDone as error:
        return str(error)


def _on_event(client: AsyncWebClient, endpoint: SlackEndpoint, wanted: Wanted) -> Listener:
    """Slack sends an event again that it saw no answer to: it is taken once."""

    async def listen(body: dict[str, Any], event: dict[str, Any]) -> None:
        event_id = str(body.get("event_id") or "")
        if not wanted.concerns(event) or (event_id and not await first_time(endpoint, f"event {event_id}")):
            return
        actor, shared = await actor_of_event(body, event, endpoint), bool(body.get("is_ext_shared_channel"))
        taken = Event(endpoint, actor, endpoint.clock(), event, event_id, shared)
        try:
            text = await or_words(wanted.run(taken))
        except NotDone as error:
            text = str(error)
        if text:
            await tell_in_thread(client, event, text)
            endpoint.on_change()

    return listen


def _first_field(view: dict[str, Any]) -> str:
    return next(str(block["block_id"]) for block in view["blocks"] if block["type"] == "input")
