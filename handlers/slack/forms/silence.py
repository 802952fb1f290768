"""The form behind ``/incident silence``."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from bot.domain.matcher import Matcher, parse_matcher
from bot.incidents.silencing import add_silence, parse_silence_span
from handlers.slack.calls import Submission
from handlers.slack.forms import MAX_ERROR, BadFields
from handlers.slack.registry import form
from handlers.slack.silences import announced

CALLBACK_ID = "incident.silence"
DURATION, MATCHERS, COMMENT = "duration", "matchers", "comment"


class Wish(NamedTuple):
    """What a person filled in. ``errors`` go back to the form, by field."""

    matchers: list[Matcher]
    span: timedelta
    comment: str
    errors: dict[str, str]


@form(CALLBACK_ID)
async def submit(submission: Submission) -> str:
    wish = read(submission.values)
    if wish.errors:
        raise BadFields(wish.errors)
    who, now = submission.who, submission.now
    return announced(await add_silence(submission.database, wish.matchers, wish.span, wish.comment, who, now))


def silence_view(channel_id: str) -> dict[str, Any]:
    """The form; the channel in which the answer will be shown travels with it."""
    return {
        "type": "modal",
        "callback_id": CALLBACK_ID,
        "private_metadata": channel_id,
        "title": _plain("Silence alerts"),
        "submit": _plain("Silence"),
        "close": _plain("Cancel"),
        "blocks": [
            _input(DURATION, "For how long", "2h", "As in 30m, 2h or 1d"),
            _input(MATCHERS, "Which alerts", "service=checkout", "One matcher a line; all must hold", multiline=True),
            _input(COMMENT, "Why", "known, fix is on its way", optional=True),
        ],
    }


def read(values: Mapping[str, str]) -> Wish:
    errors: dict[str, str] = {}
    span, matchers = timedelta(0), []
    try:
        span = parse_silence_span(values[DURATION])
    except ValueError as error:
        errors[DURATION] = str(error)[:MAX_ERROR]
    try:
        matchers = [parse_matcher(line) for line in values[MATCHERS].splitlines() if line.strip()]
        if not matchers:
            errors[MATCHERS] = "Say which alerts, as in service=checkout"
    except ValueError as error:
        errors[MATCHERS] = str(error)[:MAX_ERROR]
    return Wish(matchers, span, values[COMMENT], errors)


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def _input(
    field: str, label: str, placeholder: str, hint: str = "", *, multiline: bool = False, optional: bool = False
) -> dict[str, Any]:
    element = {
        "type": "plain_text_input",
        "action_id": "value",
        "multiline": multiline,
        "placeholder": _plain(placeholder),
    }
    made: dict[str, Any] = {"type": "input", "block_id": field, "label": _plain(label), "element": element}
    return made | ({"hint": _plain(hint)} if hint else {}) | ({"optional": True} if optional else {})
