"""``/incident noise``: which alerts call people for nothing, and what can be done about each."""

import asyncio
import re
from datetime import datetime, timedelta

from bot.domain.duration import format_duration
from bot.domain.noise import Noise
from bot.domain.watched.sensitivity import Sensitivity, WatchGroup
from bot.errors import Refused
from bot.incidents import feedback
from bot.incidents.noise import noise_since
from bot.notify.slack.text import code_block, inline_code, literal
from bot.storage.database import Database
from bot.storage.queries import sensitivity
from handlers.slack.calls import Call
from handlers.slack.registry import command

_DAYS = 30
_MOST_DAYS = 365
_LISTED = 10
_MOST_PATCHES = 3


@command(
    "noise",
    args="30",
    help="which alerts of the last 30 days called people for nothing, and what would spare them",
    more={"patch NAME": "the proposed setting as a patch", "undo ID": "take a “Not useful” back"},
    place=10,
)
async def list_or_undo(call: Call) -> str:
    word, _, name = call.text.partition(" ")
    if word.lower() == "undo":
        return await _undo(call, name.strip())
    if word.lower() == "patch":
        return await _patch(call, name.strip())
    return await _list(call.database, _days(call.text), call.now)


def _days(rest: str) -> int:
    number = re.fullmatch(r"(\d{1,3}) ?d?(?:ays?)?", rest or str(_DAYS))
    if not number or not 1 <= int(number[1]) <= _MOST_DAYS:
        raise Refused(f"Say of how many days, up to {_MOST_DAYS}: `/incident noise 30`.")
    return int(number[1])


async def _undo(call: Call, name: str) -> str:
    undone = await feedback.undo(call.database, name, call.who, call.now)
    groups = ", ".join(inline_code(group.group, 200) for group in undone[:_LISTED])
    return f"As sensitive as in tandem.yaml again: {groups}."


async def _patch(call: Call, name: str) -> str:
    """The setting that is proposed for alerts of a name, as it is to be written; nothing is changed by this."""
    since = call.now - timedelta(days=_DAYS)
    alike = [one for one in await noise_since(call.database, since, call.now) if one.proposal and one.name == name]
    if not alike:
        raise Refused(f"Nothing is proposed for alerts named {name or '…'}: `/incident noise` lists them.")
    return "\n".join([await _proposed(call, one) for one in alike[:_MOST_PATCHES]])


async def _proposed(call: Call, one: Noise) -> str:
    patch = await asyncio.to_thread(call.endpoint.patches.of, one)
    heading = f"*{_called(one)}*: {literal(one.proposal.text, 500)}." if one.proposal else ""
    if patch is None or not patch.diff:
        return f"{heading} {literal(patch.how, 300) if patch else ''}"
    return f"{heading}\n{code_block(patch.diff, 2500)}"


async def _list(database: Database, days: int, now: datetime) -> str:
    since = now - timedelta(days=days)
    found = await noise_since(database, since, now)
    async with database.read() as connection:
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
    watched = f" ({inline_code(one.group.group, 160)})" if one.group else ""
    times = "once" if one.episodes == 1 else f"{one.episodes} times"
    flaps = f", flapped {one.flaps}×" if one.flaps else ""
    done = [f"{count} {word}" for count, word in _done(one) if count]
    return (
        f"• *{_called(one)}*{watched}: {times}, {one.share_led_on:.0%} led to an acknowledgement "
        f"or a run{flaps}, half lasted {format_duration(one.length)} or less" + (f"; {', '.join(done)}" if done else "")
    )


def _called(one: Noise) -> str:
    return literal(one.name, 120) + (f" on {literal(one.service, 120)}" if one.service else "")


def _done(one: Noise) -> list[tuple[int, str]]:
    """What people showed by what they did."""
    silenced = "silence made meanwhile" if one.silenced == 1 else "silences made meanwhile"
    return [(one.dismissed, "resolved at once"), (one.silenced, silenced), (one.not_useful, "× “Not useful”")]


def _advice(one: Noise, changed: dict[WatchGroup, Sensitivity]) -> str:
    if one.acted_upon and (one.group is None or one.group not in changed):
        return "    people act upon it: it is worth what it costs"
    if one.group is None:
        if one.proposal:
            return (
                f"    It called people {one.woke} times: {literal(one.proposal.text, 500)}."
                f" {inline_code(f'/incident noise patch {one.name}', 200)}"
            )
        matchers = " ".join(str(matcher) for matcher in one.matchers)
        return f"    {inline_code(f'/incident silence 1d {matchers}', 500)}"
    if one.group in changed:
        return f"    {_made_quieter(changed[one.group])}"
    patch = f"; {inline_code(f'/incident noise patch {one.name}', 200)} for the whole watch" if one.proposal else ""
    return f"    “Not useful” on its incident makes it alert half as often{patch}"


def _made_quieter(one: Sensitivity) -> str:
    undo = inline_code(f"/incident noise undo {one.of.name}", 100)
    return f"{inline_code(one.group, 160)} alerts {one.factor:g} times as rarely as configured; {undo}"
