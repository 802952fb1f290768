"""The course of an incident: when each of its alerts fired, and what was done meanwhile, for charts of any kind."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.domain.alert import Alert
from bot.domain.incident import Incident
from bot.domain.run import Run, RunStatus
from bot.domain.severity import Severity

MOST_ROWS, MOST_MARKS = 12, 30
_LEAST = timedelta(seconds=1)
_MARGIN = 0.02


class Spell(NamedTuple):
    """For so long an alert fired, as fractions of the whole course, 0 to 1."""

    start: float
    end: float


class Row(NamedTuple):
    """All alerts of one name on one service."""

    name: str
    service: str
    severity: Severity
    spells: Sequence[Spell]


class Mark(NamedTuple):
    """Something that was done, at a fraction of the course; ``letter`` stands for it where there is little room."""

    letter: str
    what: str
    at: float
    moment: datetime


class Course(NamedTuple):
    """``more`` is how many kinds of alerts are left out of ``rows``, which begin with the first to fire."""

    begins: datetime
    ends: datetime
    rows: Sequence[Row]
    marks: Sequence[Mark]
    more: int = 0


def course_of(incident: Incident, alerts: Sequence[Alert], runs: Sequence[Run], now: datetime) -> Course:
    """From the first alert, or the incident's beginning, to its end, or to now."""
    moments = _moments(incident, runs)
    begins = min([incident.opened_at, *(alert.starts_at for alert in alerts)])
    ends = max([incident.resolved_at or now, begins + _LEAST, *(at for _, _, at in moments)])
    margin = (ends - begins) * _MARGIN
    begins, ends = begins - margin, ends + margin
    kinds: dict[tuple[str, str], list[Alert]] = {}
    for alert in sorted(alerts, key=lambda one: (one.starts_at, one.identity)):
        kinds.setdefault((alert.name, alert.service), []).append(alert)
    rows = [_row(*kind, some, begins, ends) for kind, some in list(kinds.items())[:MOST_ROWS]]
    marks = [Mark(letter, what, _place(at, begins, ends), at) for letter, what, at in moments]
    return Course(begins, ends, rows, marks, max(len(kinds) - MOST_ROWS, 0))


def _moments(incident: Incident, runs: Sequence[Run]) -> list[tuple[str, str, datetime]]:
    """In order of time; of very many the first, and the end."""
    found = [("A", "acknowledged", incident.acknowledged_at)]
    for run in runs:
        if run.approvals:
            found.append(("R", f"run approved: {run.plan.title}", max(one.at for one in run.decisions)))
        if run.status is RunStatus.SUCCEEDED:
            found.append(("V", f"verified: {run.plan.title}", run.ended_at))
    found.append(("E", "over", incident.resolved_at))
    known = sorted(((letter, what, at) for letter, what, at in found if at is not None), key=lambda one: one[2])
    return [*known[: MOST_MARKS - 1], *known[MOST_MARKS - 1 :][-1:]]


def _row(name: str, service: str, alerts: Sequence[Alert], begins: datetime, ends: datetime) -> Row:
    """Of several alerts what overlaps is one spell."""
    spells: list[Spell] = []
    for alert in alerts:
        spell = Spell(_place(alert.starts_at, begins, ends), _place(alert.ends_at or ends, begins, ends))
        if spells and spell.start <= spells[-1].end:
            spells[-1] = Spell(spells[-1].start, max(spells[-1].end, spell.end))
        else:
            spells.append(spell)
    return Row(name, service, min((one.severity for one in alerts), key=lambda level: level.rank), spells)


def _place(at: datetime, begins: datetime, ends: datetime) -> float:
    return min(max((at - begins) / (ends - begins), 0.0), 1.0)
