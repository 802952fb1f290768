"""Whether receivers take the outgoing events: what was given up, and what waits for one that does not answer."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.commands.parts.checks.finding import Finding, Mark
from bot.components.outgoing import receiver_of
from bot.config import Config
from bot.config.environment import secrets_from
from bot.domain.outgoing.event import EventState
from bot.storage.database import Database
from bot.storage.queries.outgoing import deliveries
from bot.storage.queries.outgoing.deliveries import Standing
from bot.storage.tables.outgoing import OutgoingEventRow
from bot.storage.version import has_table

_SUBJECT = "outgoing events"
_LATE, _LONGEST_REASON = 3, 200
"""So many failed attempts of one event are no passing trouble."""


async def check_outgoing(database: Database, config: Config) -> list[Finding]:
    """Nothing where tandem.yaml names no receiver, and none has anything left of before."""
    async with database.read() as connection:
        if not await has_table(connection, OutgoingEventRow):
            return []
        standings = {one.receiver: one for one in await deliveries.standings(connection)}
        reasons = {receiver: await _reason(connection, receiver) for receiver in standings}
    secrets = secrets_from()
    findings = []
    for section in config.outgoing:
        receiver = receiver_of(section)
        if section.secret is not None and section.secret not in secrets:
            advice = "Set it, or the file that its variable with _FILE names, for the process that runs `tandem run`."
            text = f"{receiver.shown} gets nothing: TANDEM_SECRET_{section.secret} is not set"
            findings.append(Finding(Mark.FAIL, _SUBJECT, text, advice))
        known = standings.pop(receiver.key, Standing(receiver.key, receiver.shown, 0, 0, 0))
        findings.append(_of(known, reasons.get(receiver.key, "")))
    return [*findings, *(_of(one, reasons.get(one.receiver, "")) for one in standings.values() if one.dead)]


async def _reason(connection: AsyncConnection, receiver: str) -> str:
    """Why a receiver did not take something; empty where that was a passing trouble."""
    event = await deliveries.worst(connection, receiver)
    lasting = event is not None and (event.state is EventState.DEAD or event.attempts >= _LATE)
    return event.reason[:_LONGEST_REASON] if event is not None and lasting else ""


def _of(one: Standing, reason: str) -> Finding:
    waits = f"; {one.waiting} wait" if one.waiting else ""
    why = f", last because {reason}" if reason else ""
    if one.dead:
        advice = "`tandem outgoing` lists them, `tandem outgoing replay` sends them anew once it takes them again."
        return Finding(Mark.FAIL, _SUBJECT, f"{one.shown}: {one.dead} given up{why}{waits}", advice)
    if reason:
        advice = "They are tried again for a day: mend the receiver until then."
        return Finding(Mark.WARN, _SUBJECT, f"{one.shown} does not take what it is sent{why}{waits}", advice)
    return Finding(Mark.OK, _SUBJECT, f"{one.shown} takes what it is sent{waits}")
