"""``/incident oncall``, and ``/incident oncall override @user 4h``"""

import re

from bot.domain.access.person import is_user
from bot.domain.duration import format_duration, parse_duration
from bot.errors import Refused
from bot.incidents.overriding import override
from bot.notify.slack.text import literal, one_line, when, who
from bot.routing.schedules.roster import NowOnCall, notes_of
from handlers.slack.arguments import BadArguments
from handlers.slack.calls import Call
from handlers.slack.registry import command

_PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>|@?([UW][A-Z0-9]+)")


@command(
    "oncall",
    help="who is on call now and next",
    more={"override @user 4h": "they are on call for four hours", "override @user 4h shop": "in the schedule shop"},
    place=10,
)
async def on_call(call: Call) -> str:
    word, _, rest = call.text.partition(" ")
    if word == "override":
        return await _override(call, rest.split())
    if word:
        raise BadArguments(f"There is no /incident oncall {word}")
    if call.endpoint.roster is None or not call.endpoint.roster.schedules:
        return "No schedule is described: add one under `schedules` in tandem.yaml."
    found = await call.endpoint.roster.now()
    return "\n".join(_line(one) for one in found.values())


def _line(one: NowOnCall) -> str:
    """Who is on call now, until when, who comes next, and what is to be doubted about that."""
    strangers = [f"{literal(name, 80)} (not found in Slack)" for name in one.unknown]
    now = ", ".join([*map(who, one.people), *strangers]) or "nobody"
    until = f" until {when(one.turn.until)}" if one.turn.until else ""
    following = ", ".join(who(name) if is_user(name) else literal(name, 80) for name in one.turn.then)
    then = f", then {following or 'nobody'}" if one.turn.until else ""
    doubts = "".join(f"\n   ⚠️ {one_line(note, 300)}" for note in notes_of(one))
    return f"• *{literal(one.schedule, 80)}*: {now}{until}{then}{doubts}"


async def _override(call: Call, words: list[str]) -> str:
    """The schedule may be left out where there is only one."""
    roster = call.endpoint.roster
    known = list(roster.schedules) if roster else []
    if len(words) not in (2, 3):
        raise BadArguments("Say who, and for how long")
    person = _PERSON.fullmatch(words[0])
    if person is None:
        raise BadArguments(f"{words[0]} is nobody: choose somebody after an @")
    if len(words) == 2 and len(known) != 1:
        raise Refused(f"Say in which schedule, after the time: {', '.join(known) or 'there is none in tandem.yaml'}.")
    try:
        span = parse_duration(words[1])
    except ValueError as error:
        raise BadArguments(str(error)) from error
    schedule = words[2] if len(words) == 3 else known[0]
    name = person[1] or person[2]
    made = await override(call.database, known, schedule, name, span, call.who, call.now)
    call.endpoint.on_change()
    return f"{who(name)} is on call in {literal(schedule, 80)} for {format_duration(span)}, until {when(made.ends)}."
