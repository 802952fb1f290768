"""The slash command ``/incident``: what each of its words does and answers."""

import re
import shlex
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.domain.duration import format_duration, parse_duration
from bot.domain.incident import Incident, most_important
from bot.domain.matcher import Matcher, parse_matcher
from bot.domain.silence import Silence
from bot.errors import Refused
from bot.incidents import lifecycle, regroup
from bot.notify.slack.render import SEVERITY_ICON, behind_in_words, headline
from bot.notify.slack.text import escaped, inline_code, literal, one_line, when, who
from bot.storage.database import Database
from bot.storage.queries import alerts, audit, incidents, silences, tools
from bot.storage.queries.audit import AuditEntry
from handlers.slack import noise

MAX_SILENCE = timedelta(days=30)
_LISTED = 20

HELP = """*`/incident list`* the open incidents
*`/incident show 12`* what is known of incident 12
*`/incident ack 12`* say that you look after it
*`/incident resolve 12`* close it
*`/incident merge 12 into 9`* both are one; *`/incident split 12 service=cart`* these alerts are another one
*`/incident silence 2h service=checkout alertname=~"Disk.*" # why`* alerts that match call nobody for two hours
*`/incident silence`* the same, as a form
*`/incident silences`* the silences in force
*`/incident unsilence ID`* end one now
*`/incident noise 7`* which alerts of the last 7 days called people for nothing
*`/incident noise undo ID`* take a “Not useful” back
*`/incident help`* this"""

Answer = Callable[[Database, str, str, datetime], Awaitable[str]]


async def answer(database: Database, text: str, user: str, now: datetime, behind: timedelta | None = None) -> str:
    """Do what the command says; returns the answer in Slack's mrkdwn. Raises Refused, StorageUnavailable.

    ``behind`` is how far the pipeline is behind, None where it is not.
    """
    word, _, rest = text.strip().partition(" ")
    known = _COMMANDS.get(word.lower() or "help")
    if known is None:
        return f"{inline_code(word, 40)} is no command of mine.\n{HELP}"
    said = await known(database, rest.strip(), user, now)
    return f"{said}\n⏳ {behind_in_words(behind)}" if behind and known in (_list, _show) else said


async def _help(database: Database, rest: str, user: str, now: datetime) -> str:
    return HELP


async def _list(database: Database, rest: str, user: str, now: datetime) -> str:
    async with database.read() as connection:
        found = await incidents.list_incidents(connection, status="open", limit=_LISTED + 1)
    if not found:
        return "No incident is open. 🎉"
    lines = [
        f"{_title(incident)} · {incident.status} for {format_duration(incident.lasted(now))}" for incident in found
    ]
    more = ["… and more: see the API"] if len(found) > _LISTED else []
    return "\n".join([*lines[:_LISTED], *more])


async def _show(database: Database, rest: str, user: str, now: datetime) -> str:
    incident = await _find(database, rest)
    async with database.read() as connection:
        tallies = most_important((await alerts.tallies_of(connection, [incident.id]))[incident.id])
        timeline = await incidents.timeline_of(connection, incident.id)
    lines = [f"*{_title(incident)}*", f"{incident.status}, {incident.severity}, since {when(incident.opened_at)}"]
    lines += [one_line(incident.summary, 600)] if incident.summary else []
    lines += [
        f"• {SEVERITY_ICON[tally.severity]} {literal(tally.name, 100)} on {literal(tally.service or '?', 100)}"
        f" ×{tally.alerts}"
        for tally in tallies[:10]
    ]
    lines += [f"{when(entry.at)} {literal(entry.text, 300)}" for _, entry in timeline[-10:]]
    return "\n".join(lines)


def _title(incident: Incident) -> str:
    return literal(headline(incident), 240)


async def _acknowledge(database: Database, rest: str, user: str, now: datetime) -> str:
    changed = await lifecycle.acknowledge(database, (await _find(database, rest)).id, user, now)
    return f"Incident #{changed.number} is yours."


async def _resolve(database: Database, rest: str, user: str, now: datetime) -> str:
    changed = await lifecycle.resolve(database, (await _find(database, rest)).id, user, now)
    return f"Incident #{changed.number} is resolved."


async def _merge(database: Database, rest: str, user: str, now: datetime) -> str:
    numbers = re.fullmatch(r"#?(\d{1,12}) (?:into )?#?(\d{1,12})", " ".join(rest.split()))
    if not numbers:
        raise Refused("Say which incident goes into which: `/incident merge 12 into 9`.")
    kept = await regroup.merge_by_hand(database, int(numbers[1]), int(numbers[2]), user, now)
    return f"Incident #{numbers[1]} is part of #{kept.number} now; alerts like these will meet from now on."


async def _split(database: Database, rest: str, user: str, now: datetime) -> str:
    number, _, wish = rest.partition(" ")
    incident = await _find(database, number)
    try:
        matchers = [parse_matcher(word) for word in shlex.split(_plain_quotes(wish), posix=True)]
    except ValueError as error:
        raise Refused(f"{escaped(str(error), 500)}\nAs in: `/incident split 12 service=cart`") from error
    if not matchers:
        raise Refused("Say which alerts leave, as in: `/incident split 12 service=cart`.")
    old, new = await regroup.split_by_hand(database, incident.number, matchers, user, now)
    return f"Incident #{new.number} was split off #{old.number}."


async def _find(database: Database, rest: str) -> Incident:
    number = re.fullmatch(r"#?(\d{1,12})", rest)
    if not number:
        raise Refused("Say which incident, by its number: `/incident show 12`.")
    async with database.read() as connection:
        incident = await incidents.by_number(connection, int(number[1]))
    if incident is None:
        raise Refused(f"There is no incident #{number[1]}.")
    return incident


async def _silence(database: Database, rest: str, user: str, now: datetime) -> str:
    wish, _, comment = rest.partition(" #")
    try:
        words = shlex.split(_plain_quotes(wish), posix=True)
        span = parse_silence_span(words[0] if words else "")
        matchers = [parse_matcher(word) for word in words[1:]]
    except ValueError as error:
        raise Refused(f"{escaped(str(error), 500)}\nAs in: `/incident silence 2h service=checkout`") from error
    if not matchers:
        raise Refused(
            "Say which alerts, as in: `/incident silence 2h service=checkout`. A silence over all is not made."
        )
    return await add_silence(database, matchers, span, comment.strip(), user, now)


def _plain_quotes(text: str) -> str:
    """Slack's clients turn straight quotes into curly ones."""
    return text.translate(str.maketrans("“”‘’", "\"\"''"))


def parse_silence_span(text: str) -> timedelta:
    """How long a silence shall last. Raises ValueError where that is unclear or too long."""
    span = parse_duration(text)
    if not timedelta(0) < span <= MAX_SILENCE:
        raise ValueError(f"a silence lasts up to {format_duration(MAX_SILENCE)}")
    return span


async def add_silence(
    database: Database, matchers: list[Matcher], span: timedelta, comment: str, user: str, now: datetime
) -> str:
    """Put a silence in force, audited; returns the answer. Raises StorageUnavailable."""
    silence = Silence(
        id=uuid.uuid4().hex[:8],
        matchers=matchers,
        starts_at=now,
        ends_at=now + span,
        created_by=user,
        comment=comment[:500],
    )
    details = {"matchers": [str(matcher) for matcher in matchers], "ends_at": silence.ends_at.isoformat()}
    async with database.write() as connection:
        await silences.add(connection, silence)
        await audit.append(connection, AuditEntry(now, user, "silence.add", f"silence {silence.id}", details))
    return (
        f"🔕 Silenced {_described(silence)}. "
        f"Alerts that are shown already stay; `/incident unsilence {silence.id}` ends it."
    )


async def _silences(database: Database, rest: str, user: str, now: datetime) -> str:
    async with database.read() as connection:
        found = await silences.not_ended(connection, now)
        refusals = await tools.silence_refusals(connection)
    if not found:
        return "No silence is in force."
    lines = [
        f"• {inline_code(silence.id, 100)} {_described(silence)} by {who(silence.created_by)}"
        + "".join(f" · not in {tool}: {literal(why, 200)}" for tool, why in refusals.get(silence.id, []))
        for silence in found[:_LISTED]
    ]
    more = [f"… and {len(found) - _LISTED} more"] if len(found) > _LISTED else []
    return "\n".join(lines + more)


async def _unsilence(database: Database, rest: str, user: str, now: datetime) -> str:
    async with database.write() as connection:
        ended = await silences.end(connection, rest, now)
        if ended:
            await audit.append(connection, AuditEntry(now, user, "silence.end", f"silence {rest}"))
    if not ended:
        raise Refused("No silence of that id is in force: `/incident silences` lists them.")
    return "🔔 Ended. What it held back and still fires is announced now."


def _described(silence: Silence) -> str:
    matchers = " ".join(map(str, silence.matchers))
    why = f" ({literal(silence.comment, 300)})" if silence.comment else ""
    return f"{inline_code(matchers, 600)} until {when(silence.ends_at)}{why}"


_COMMANDS: dict[str, Answer] = {
    "help": _help,
    "list": _list,
    "show": _show,
    "ack": _acknowledge,
    "resolve": _resolve,
    "merge": _merge,
    "split": _split,
    "silence": _silence,
    "silences": _silences,
    "unsilence": _unsilence,
    "noise": noise.answer,
}
