"""The summary of an incident: one or two sentences made from the facts, for somebody woken at 3 a.m."""

from datetime import UTC

from bot.domain.cause import Cause
from bot.domain.duration import format_duration
from bot.domain.incident import Incident, Tally, most_important, visible
from bot.domain.inhibition import in_words
from detectors.topology import Topology

_NAMED = 3


def summarise(incident: Incident, tallies: list[Tally], causes: list[Cause], topology: Topology) -> str:
    """What is felt, since when, where it began and why we think so, how far it reaches.

    What a host that is down explains is said in one sentence of its own.
    """
    if not tallies:
        return ""
    left = visible(tallies, incident.inhibited)
    shown = [tally for tally in left if tally.active] or left if incident.open else left
    folded = [f"{in_words(incident.inhibited)}."] if incident.inhibited else []
    return " ".join([_felt(incident, shown, topology), *_began(incident, causes), _reach(incident, shown), *folded])


def _felt(incident: Incident, shown: list[Tally], topology: Topology) -> str:
    """The worst alert of the services nearest to users: those on which no other affected one depends."""
    affected = {tally.service for tally in shown}
    nearest = [tally for tally in shown if not affected & (topology.above(tally.service).keys() - {tally.service})]
    worst = most_important(nearest or shown)[0]
    where = f" on {worst.service}" if worst.service else ""
    if incident.open or incident.resolved_at is None:
        return f"{worst.name}{where} since {incident.opened_at.astimezone(UTC):%H:%M} UTC."
    return f"{worst.name}{where} lasted {format_duration(incident.lasted(incident.resolved_at))}."


def _began(incident: Incident, causes: list[Cause]) -> list[str]:
    if not causes:
        return []
    verb = "is" if incident.open else "was"
    why = f": {'; '.join(causes[0].evidence)}" if causes[0].evidence else ""
    return [f"{causes[0].phrase} {verb} the likely cause{why}."]


def _reach(incident: Incident, shown: list[Tally]) -> str:
    count = sum(tally.alerts for tally in shown)
    alerts = "1 alert" if count == 1 else f"{count} alerts"
    services = sorted({tally.service for tally in shown if tally.service})
    reach = f" on {', '.join(services[:_NAMED])}" if services else ""
    reach += f" and {len(services) - _NAMED} more services" if len(services) > _NAMED else ""
    verb = ("is firing" if count == 1 else "are firing") if incident.open else "fired and ended"
    return f"{alerts} {verb}{reach}."
