"""The form behind ``/incident silence`` and the Silence button."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from bot.domain.matcher import Matcher, parse_matchers
from bot.incidents.silencing import TooBroad, add_silence, parse_silence_span
from handlers.slack.arguments import ANYWAY, straight
from handlers.slack.calls import Submission
from handlers.slack.forms import MAX_ERROR, BadFields
from handlers.slack.forms.elements import choice, field_of, modal, plain
from handlers.slack.registry import form
from handlers.slack.silences import announced

CALLBACK_ID = "incident.silence"
SPANS = ("1h", "4h", "1d")
DURATION, MATCHERS, COMMENT = "duration", "matchers", "comment"


class Wish(NamedTuple):
    """What a person filled in. ``errors`` go back to the form, by field."""

    matchers: list[Matcher]
    span: timedelta
    comment: str
    anyway: bool
    errors: dict[str, str]


class Prefilled(NamedTuple):
    """What the form begins with, and what these matchers match."""

    matchers: Sequence[Matcher]
    hints: str


@form(CALLBACK_ID)
async def submit(submission: Submission) -> str:
    wish = read(submission.values)
    if wish.errors:
        raise BadFields(wish.errors)
    who, now = submission.who, submission.now
    try:
        made = await add_silence(
            submission.database, wish.matchers, wish.span, wish.comment, who, now, anyway=wish.anyway
        )
    except TooBroad as broad:
        few = f"{broad.reach.matched} of {broad.reach.fired} alerts of the last 24 hours match."
        raise BadFields({MATCHERS: f"{few} Add a line “{ANYWAY}” to silence them all."}) from broad
    return announced(made)


def silence_view(channel_id: str, prefilled: Prefilled | None = None) -> dict[str, Any]:
    """The form; the channel in which the answer will be shown travels with it."""
    matchers = _input(MATCHERS, "Which alerts", "service=checkout", "One matcher a line; all must hold", multiline=True)
    duration = _input(DURATION, "For how long", "2h", "As in 30m, 2h or 1d")
    hints: list[dict[str, Any]] = []
    if prefilled:
        matchers["element"]["initial_value"] = "\n".join(map(str, prefilled.matchers))
        duration = choice(DURATION, "For how long", [(span, span) for span in SPANS], first=True)
        hints = [{"type": "context", "elements": [plain(prefilled.hints)]}]
    comment = _input(COMMENT, "Why", "known, fix is on its way", optional=True)
    return modal(CALLBACK_ID, channel_id, "Silence alerts", "Silence", [duration, matchers, *hints, comment])


def read(values: Mapping[str, str]) -> Wish:
    errors: dict[str, str] = {}
    span, matchers = timedelta(0), []
    lines = [line.strip() for line in values[MATCHERS].splitlines()]
    wanted = [line for line in lines if line and line.lower() != ANYWAY]
    try:
        span = parse_silence_span(values[DURATION])
    except ValueError as error:
        errors[DURATION] = str(error)[:MAX_ERROR]
    try:
        matchers = [matcher for line in wanted for matcher in parse_matchers(straight(line))]
        if not matchers:
            errors[MATCHERS] = "Say which alerts, as in service=checkout"
    except ValueError as error:
        errors[MATCHERS] = str(error)[:MAX_ERROR]
    return Wish(matchers, span, values[COMMENT], ANYWAY in map(str.lower, lines), errors)


def _input(
    field: str, label: str, placeholder: str, hint: str = "", *, multiline: bool = False, optional: bool = False
) -> dict[str, Any]:
    element = {
        "type": "plain_text_input",
        "action_id": "value",
        "multiline": multiline,
        "placeholder": plain(placeholder),
    }
    made = field_of(field, label, element)
    return made | ({"hint": plain(hint)} if hint else {}) | ({"optional": True} if optional else {})
