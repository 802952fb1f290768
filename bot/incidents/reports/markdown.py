"""The report of an incident, for the review afterwards and a wiki: Markdown, from what is stored.

Texts from outside are data: nothing in them formats, links or is HTML.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert
from bot.domain.duration import format_duration
from bot.domain.incident import Incident, Tally, TimelineEntry, TimelineKind, most_important
from bot.domain.review.course import Course, course_of
from bot.domain.review.texts import MOST_TEXT, Texts
from bot.domain.run import Run, RunStatus, StepRecord
from bot.incidents.reports.drawing import course_in_text, series_in_text
from bot.incidents.reports.texts import proposed
from bot.storage.queries import alerts, incidents, runs
from bot.storage.queries.deeds import reports

MOST_ENTRIES = 1000
MOST_KINDS = 50
MOST_ALERTS = 500
MOST_SERIES = 5
_MOST_TEXT = 1000
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
_LISTED = re.compile(r"(?: {0,4}(?:[-*]|\d{1,3}\.) )?")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


class Told(NamedTuple):
    """All that a report is made of; ``texts`` are what people wrote, or what is proposed to them."""

    incident: Incident
    tallies: Sequence[Tally]
    timeline: Sequence[TimelineEntry]
    runs: Sequence[Run]
    steps: Sequence[StepRecord]
    now: datetime
    texts: Texts
    alerts: Sequence[Alert]

    @property
    def course(self) -> Course:
        return course_of(self.incident, self.alerts, self.runs, self.now)


async def load(connection: AsyncConnection, incident: Incident, now: datetime) -> Told:
    known = (await runs.of_incidents(connection, [incident.id]))[incident.id]
    entries = await incidents.timeline_of(connection, incident.id, limit=MOST_ENTRIES)
    tallies = most_important((await alerts.tallies_of(connection, [incident.id]))[incident.id])
    written = await reports.texts_of(connection, incident.id)
    return Told(
        incident,
        tallies,
        [entry for _, entry in entries],
        known,
        await runs.steps_of(connection, [run.id for run in known]),
        now,
        written or proposed(incident, sum(tally.alerts for tally in tallies), known, now),
        (await alerts.of_incidents(connection, [incident.id], MOST_ALERTS))[incident.id],
    )


def report_of(told: Told) -> str:
    """The whole report; sections without content say so in one line."""
    incident = told.incident
    parts = [
        f"# Incident #{incident.number}: {_plain(incident.title or 'incident')}",
        _table(_facts(told)),
        f"## Summary\n\n{_written(told.texts.summary)}",
        f"## Impact\n\n{_impact(told)}",
        f"## Charts\n\n{_charts(told)}",
        f"## Likely cause\n\n{_causes(incident)}",
        f"## What was done\n\n{_runs(told)}",
        f"## Lessons\n\n{_written(told.texts.lessons)}",
        f"## Notes\n\n{_notes(told.timeline)}",
        f"## Timeline\n\n{_timeline(told.timeline)}",
        f"## Alerts\n\n{_alerts(told.tallies)}",
    ]
    return "\n\n".join(parts) + "\n"


def _facts(told: Told) -> list[tuple[str, str]]:
    incident = told.incident
    ended = incident.resolved_at
    facts = [
        ("Status", incident.status),
        ("Severity", incident.severity),
        ("Began", _moment(incident.opened_at)),
        ("Known since", _moment(incident.learnt_at)),
        ("Acknowledged", _plain(f"by {incident.acknowledged_by}" if incident.acknowledged_by else "by nobody")),
        ("Lead", _plain(incident.lead or "")),
        ("Scribe", _plain(incident.scribe or "")),
        ("Ended", _moment(ended) if ended else "not yet"),
        ("Lasted", format_duration(incident.lasted(told.now)) + ("" if ended else " so far")),
        ("Resolved by", _plain(incident.resolved_by) if incident.resolved_by else "its alerts" if ended else ""),
    ]
    return [(name, value) for name, value in facts if value]


def _impact(told: Told) -> str:
    parts = [_written(told.texts.impact)]
    if told.incident.summary:
        parts.append(_plain(told.incident.summary))
    by = f"Written by {_plain(told.texts.edited_by)}." if told.texts.edited_by else "Proposed by Tandem, not edited."
    return "\n\n".join([*parts, f"*{by}*"])


def _charts(told: Told) -> str:
    """Charts as text, which every wiki shows: when what fired, and the series that were watched."""
    drawn = [course_in_text(told.course)]
    charted = [alert for alert in told.alerts if alert.chart is not None]
    for alert in charted[:MOST_SERIES]:
        assert alert.chart is not None
        drawn.append(series_in_text(alert.chart))
    return "\n\n".join(f"```text\n{text}\n```" for text in drawn)


def _causes(incident: Incident) -> str:
    if not incident.causes:
        return "None was found."
    lines = []
    for n, cause in enumerate(incident.causes, start=1):
        lines.append(f"{n}. **{_plain(cause.phrase)}** ({cause.kind}, score {cause.score:.2f})")
        lines += [f"    - {_plain(evidence)}" for evidence in cause.evidence]
    return "\n".join(lines)


def _runs(told: Told) -> str:
    if not told.runs:
        return "No runbook was offered."
    lines = []
    for run in told.runs:
        lines.append(f"- **{_plain(run.plan.title)}**: {_ended(run)}{_decided(run)}")
        lines += [f"    - {_step(run, step)}" for step in told.steps if step.run_id == run.id]
        lines += [f"    - {_plain(run.outcome)}"] if run.outcome else []
    helped = [_plain(run.plan.title) for run in told.runs if run.status is RunStatus.SUCCEEDED]
    lines += ["", f"What helped: {', '.join(helped) if helped else 'no runbook was verified'}."]
    return "\n".join(lines)


def _ended(run: Run) -> str:
    return "succeeded and was verified" if run.status is RunStatus.SUCCEEDED else str(run.status)


def _decided(run: Run) -> str:
    said = [f"{_verb(one.verdict)} by {_plain(one.user)} at {_clock(one.at)}" for one in run.decisions]
    return f" ({', '.join(said)})" if said else ""


def _verb(verdict: str) -> str:
    return {"approve": "approved", "reject": "rejected"}[verdict]


def _step(run: Run, step: StepRecord) -> str:
    steps = run.plan.rollback if step.phase == "rollback" else run.plan.steps
    text = steps[step.position].text if step.position < len(steps) else "step"
    took = f" in {format_duration(step.ended_at - step.started_at)}" if step.ended_at else ""
    undo = "rollback, " if step.phase == "rollback" else ""
    return f"{undo}{_plain(text)}: {step.status}{took}"


def _notes(timeline: Sequence[TimelineEntry]) -> str:
    notes = [entry for entry in timeline if entry.kind is TimelineKind.NOTE]
    if not notes:
        return "Nobody wrote one."
    return "\n".join(f"- {_clock(one.at)} {_by(one)}{_plain(one.text)}" for one in notes)


def _timeline(timeline: Sequence[TimelineEntry]) -> str:
    rows = [(_moment(entry.at), f"{_by(entry)}{_plain(entry.text)}") for entry in timeline]
    left_out = "\n\nLater entries are left out." if len(timeline) == MOST_ENTRIES else ""
    return _table(rows, ("When (UTC)", "What")) + left_out


def _alerts(tallies: Sequence[Tally]) -> str:
    rows = [
        (_plain(one.name), _plain(one.service), str(one.severity), f"{one.alerts}", "fires" if one.active else "ended")
        for one in tallies[:MOST_KINDS]
    ]
    more = f"\n\nAnd {len(tallies) - MOST_KINDS} other kinds." if len(tallies) > MOST_KINDS else ""
    return _table(rows, ("Alert", "Service", "Severity", "Count", "State")) + more


def _table(rows: Iterable[Sequence[str]], head: Sequence[str] = ("", "")) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _by(entry: TimelineEntry) -> str:
    return f"{_plain(entry.actor)}: " if entry.actor else ""


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M:%S}"


def _written(text: str) -> str:
    """What people wrote: lines and lists as they made them, and nothing else that formats.

    >>> _written("- a *b*\\n2. <i>")
    '- a \\\\*b\\\\*\\n2. \\\\<i\\\\>'
    """
    lines = []
    for line in text.splitlines():
        begin = _LISTED.match(line)
        mark = begin[0] if begin else ""
        lines.append(mark + _plain(line[len(mark) :], MOST_TEXT))
    return "\n".join(lines).strip() or "Nobody wrote anything yet."


def _plain(text: str, most: int = _MOST_TEXT) -> str:
    """A line that Markdown shows as it is.

    >>> _plain("a|b <script> *x*")
    'a\\\\|b \\\\<script\\\\> \\\\*x\\\\*'
    """
    line = " ".join(_UNSEEN.sub(" ", text).split())
    cut = line if len(line) <= most else f"{line[:most]}…"
    return _MARKS.sub(r"\\\1", cut)
