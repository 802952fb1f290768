"""Title and summary of an incident, made from the facts, for somebody woken at 3 a.m. They are made here alone."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from bot.domain.cause import Cause
from bot.domain.duration import format_duration
from bot.domain.incident import Incident, IncidentStatus, Tally, most_important, visible
from bot.domain.inhibition import in_words
from bot.domain.summary.title import title_of
from detectors.topology import Topology

_NAMED = 3


def described(incident: Incident, tallies: Sequence[Tally], topology: Topology) -> Incident:
    """The incident with the title and the summary that follow from what it holds now."""
    summary = summary_of(incident, tallies, incident.causes, topology)
    return msgspec.structs.replace(titled(incident, tallies), summary=summary)


def titled(incident: Incident, tallies: Sequence[Tally]) -> Incident:
    """The incident with the title that it was declared with, or that follows from its alerts and its cause."""
    if incident.declared_as:
        return msgspec.structs.replace(incident, title=incident.declared_as)
    shown = visible(tallies, incident.inhibited)
    title = title_of(shown, incident.title, incident.causes, incident.inhibited)
    return msgspec.structs.replace(incident, title=title)


def ended_in(gone: Incident, kept: Incident, now: datetime) -> Incident:
    """An incident after it became part of another: it is over, and its summary names the one that goes on."""
    return msgspec.structs.replace(
        gone,
        status=IncidentStatus.RESOLVED,
        part_of=kept.id,
        summary=f"Part of incident #{kept.number}: what happens goes on there.",
        resolved_at=now,
        changed_at=now,
        version=gone.version + 1,
    )


def summary_of(incident: Incident, tallies: Sequence[Tally], causes: Sequence[Cause], topology: Topology) -> str:
    """What is felt, since when, where it began and why we think so, how far it reaches.

    What a host that is down explains has one sentence of its own.
    """
    if not tallies:
        return f"Opened by hand at {incident.opened_at.astimezone(UTC):%H:%M} UTC." if incident.declared_as else ""
    left = visible(tallies, incident.inhibited)
    shown = [tally for tally in left if tally.active] or left if incident.open else left
    folded = [f"{in_words(incident.inhibited)}."] if incident.inhibited else []
    return " ".join([_felt(incident, shown, topology), *_began(incident, causes), _reach(incident, shown), *folded])


def _felt(incident: Incident, shown: Sequence[Tally], topology: Topology) -> str:
    """The worst alert of the services nearest to users: those on which no other affected one depends."""
    affected = {tally.service for tally in shown}
    nearest = [tally for tally in shown if not affected & (topology.above(tally.service).keys() - {tally.service})]
    worst = most_important(nearest or shown)[0]
    where = f" on {worst.service}" if worst.service else ""
    if incident.open or incident.resolved_at is None:
        return f"{worst.name}{where} since {incident.opened_at.astimezone(UTC):%H:%M} UTC."
    return f"{worst.name}{where} lasted {format_duration(incident.lasted(incident.resolved_at))}."


def _began(incident: Incident, causes: Sequence[Cause]) -> list[str]:
    if not causes:
        return []
    verb = "is" if incident.open else "was"
    why = f": {'; '.join(causes[0].evidence)}" if causes[0].evidence else ""
    return [f"{causes[0].phrase} {verb} the likely cause{why}."]


def _reach(incident: Incident, shown: Sequence[Tally]) -> str:
    count = sum(tally.alerts for tally in shown)
    alerts = "1 alert" if count == 1 else f"{count} alerts"
    services = sorted({tally.service for tally in shown if tally.service})
    reach = f" on {', '.join(services[:_NAMED])}" if services else ""
    reach += f" and {len(services) - _NAMED} more services" if len(services) > _NAMED else ""
    verb = ("is firing" if count == 1 else "are firing") if incident.open else "fired and ended"
    return f"{alerts} {verb}{reach}."
