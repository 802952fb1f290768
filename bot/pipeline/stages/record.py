"""Stage: write the alerts, note in the timelines what happened to them, and count what each incident holds now."""

from collections import Counter

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert, Change
from bot.domain.duration import format_duration
from bot.domain.event import EndedBy
from bot.domain.incident import TimelineKind
from bot.pipeline.batch import Batch, Observation
from bot.pipeline.stage import stage
from bot.storage.queries import alerts

_VERBS = {Change.NEW: "firing", Change.REFIRED: "firing again", Change.RESOLVED: "resolved"}
_NAMES = 5


@stage(reads={"alerts", "observed", "opened", "touched"}, writes={"tallies", "timeline"}, after={"acknowledge"})
async def record(batch: Batch, connection: AsyncConnection) -> None:
    await alerts.save(connection, list(batch.alerts.values()))
    _describe_changes(batch)
    batch.tallies = await alerts.tallies_of(connection, batch.touched)


def _describe_changes(batch: Batch) -> None:
    """One line per incident, kind of change and what that rests on, however many alerts changed."""
    changed: dict[tuple[str, Change, str], list[Alert]] = {}
    for observation in batch.observed:
        alert = batch.alerts[observation.identity]
        if alert.incident_id is None:
            continue
        if observation.change in _VERBS:
            verb = _VERBS[observation.change] + _grounds(batch, observation, alert)
            changed.setdefault((alert.incident_id, observation.change, verb), []).append(alert)
        before = observation.severity_before
        if observation.change is Change.UPDATED and before and before is not alert.severity:
            text = f"{_name_of(alert)} is now {alert.severity} (was {before})"
            batch.note(alert.incident_id, TimelineKind.ALERTS, text)
        if observation.began_to_flap:
            _describe_flapping(batch, alert.incident_id, alert)
    for (incident_id, change, verb), alike in changed.items():
        kind = TimelineKind.OPENED if incident_id in batch.opened and change is Change.NEW else TimelineKind.ALERTS
        batch.note(incident_id, kind, f"{count_of(alike)} {verb}: {_names_of(alike)}")


def _grounds(batch: Batch, observation: Observation, alert: Alert) -> str:
    """What a change rests on, where that is not the word of the alert's sender."""
    tool = alert.source.capitalize()
    if observation.change is not Change.RESOLVED:
        return f" (in {tool}'s own list; no delivery brought it)" if observation.listed else ""
    match alert.ended_by:
        case EndedBy.RECONCILED:
            return f" ({tool}'s own list no longer has it)"
        case EndedBy.EXPIRED:
            after = batch.rules.alerts.expire_after
            return f" (counts as ended: {tool} has not repeated it{f' for {format_duration(after)}' if after else ''})"
        case EndedBy.SOURCE_SILENT:
            return " (counts as ended: what it was found in no longer comes)"
        case EndedBy.NEW_LEVEL:
            return " (counts as ended: the level that came with a change has held, and is usual from now on)"
    return ""


def _describe_flapping(batch: Batch, incident_id: str, alert: Alert) -> None:
    flapping = batch.rules.alerts.flapping
    batch.note(
        incident_id,
        TimelineKind.ALERTS,
        f"{_name_of(alert)} is flapping ({len(alert.changes)} changes within {format_duration(flapping.within)}): "
        "it counts as firing, and its changes are not announced, "
        f"until it is quiet for {format_duration(flapping.quiet)}",
    )


def count_of(alike: list[Alert]) -> str:
    return "1 alert" if len(alike) == 1 else f"{len(alike)} alerts"


def _name_of(alert: Alert) -> str:
    return f"{alert.name} on {alert.service}" if alert.service else alert.name


def _names_of(alike: list[Alert]) -> str:
    counted = Counter(map(_name_of, alike)).most_common()
    shown = [f"{name} ×{count}" if count > 1 else name for name, count in counted[:_NAMES]]
    rest = len(counted) - _NAMES
    return ", ".join(shown) + (f" and {rest} more kinds" if rest > 0 else "")
