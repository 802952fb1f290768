"""``/incident noise``: which alerts call people for nothing, and what can be done about each."""

import re
from datetime import datetime, timedelta

from bot.domain.duration import format_duration
from bot.domain.noise import Noise, noise_of
from bot.domain.watched.sensitivity import Sensitivity, WatchGroup
from bot.errors import Refused
from bot.incidents import feedback
from bot.notify.slack.text import inline_code, literal
from bot.storage.database import Database
from bot.storage.queries import noise, sensitivity
from handlers.slack.calls import Call
from handlers.slack.registry import command

_DAYS = 7
_MOST_DAYS = 365
_LISTED = 10


@command(
    "noise",
    args="7",
    help="which alerts of the last 7 days called people for nothing",
    more={"undo ID": "take a “Not useful” back"},
    place=10,
)
async def list_or_undo(call: Call) -> str:
    word, _, name = call.text.partition(" ")
    if word.lower() == "undo":
        return await _undo(call, name.strip())
    return await _list(call.database, _days(call.text), call.now)


def _days(rest: str) -> int:
    number = re.fullmatch(r"(\d{1,3}) ?d?(?:ays?)?", rest or str(_DAYS))
    if not number or not 1 <= int(number[1]) <= _MOST_DAYS:
        raise Refused(f"Say of how many days, up to {_MOST_DAYS}: `/incident noise 7`.")
    return int(number[1])


async def _undo(call: Call, name: str) -> str:
    undone = await feedback.undo(call.database, name, call.who, call.now)
    groups = ", ".join(inline_code(group.group, 200) for group in undone[:_LISTED])
    return f"As sensitive as in tandem.yaml again: {groups}."


async def _list(database: Database, days: int, now: datetime) -> str:
    since = now - timedelta(days=days)
    async with database.read() as connection:
        found = noise_of(await noise.episodes_since(connection, since), await noise.flaps_since(connection, since), now)
        changed = {one.of: one for one in await sensitivity.changed(connection)}
    shown = found[:_LISTED]
    span = "day" if days == 1 else f"{days} days"
    heading = f"*The noisiest alerts of the last {span}*" if shown else f"No alert came in the last {span}."
    lines = [_line(one) + "\n" + _advice(one, changed) for one in shown]
    more = [f"… and {len(found) - _LISTED} other kinds"] if len(found) > _LISTED else []
    seen = {one.group for one in shown}
    quiet = [f"• {_made_quieter(one)}" for group, one in changed.items() if group not in seen][:_LISTED]
    return "\n".join([heading, *lines, *more, *(["*Made less sensitive*", *quiet] if quiet else [])])


def _line(one: Noise) -> str:
    where = f" on {literal(one.service, 120)}" if one.service else ""
    watched = f" ({inline_code(one.group.group, 160)})" if one.group else ""
    times = "once" if one.episodes == 1 else f"{one.episodes} times"
    flaps = f", flapped {one.flaps}×" if one.flaps else ""
    return (
        f"• *{literal(one.name, 120)}*{where}{watched}: {times}, {one.share_led_on:.0%} led to an acknowledgement "
        f"or a run{flaps}, half lasted {format_duration(one.length)} or less"
    )


def _advice(one: Noise, changed: dict[WatchGroup, Sensitivity]) -> str:
    if one.acted_upon and (one.group is None or one.group not in changed):
        return "    people act upon it: it is worth what it costs"
    if one.group is None:
        matchers = " ".join(str(matcher) for matcher in one.matchers)
        return f"    {inline_code(f'/incident silence 1d {matchers}', 500)}"
    if one.group in changed:
        return f"    {_made_quieter(changed[one.group])}"
    return "    “Not useful” on its incident makes it alert half as often"


def _made_quieter(one: Sensitivity) -> str:
    undo = inline_code(f"/incident noise undo {one.of.name}", 100)
    return f"{inline_code(one.group, 160)} alerts {one.factor:g} times as rarely as configured; {undo}"
