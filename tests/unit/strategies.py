"""What the properties are tried on: moments, labels, hostile text, alerts, incidents and runs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from bot.domain.alert import Alert
from bot.domain.cause import Cause, CauseKind
from bot.domain.event import AlertEvent, AlertStatus
from bot.domain.guards.hold import BlastRadius, Glass, Guard, Hold
from bot.domain.incident import Incident, IncidentStatus, Tally, TimelineEntry, TimelineKind
from bot.domain.run import (
    Decision,
    GatePreview,
    Phase,
    Plan,
    PlannedStep,
    Run,
    RunStatus,
    StepRecord,
    StepStatus,
    plan_hash,
)
from bot.domain.runs.preview import Preview, StepPreview
from bot.domain.severity import Severity
from bot.notify.view import IncidentView

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

moments = st.integers(0, 86_400).map(lambda seconds: NOON + timedelta(seconds=seconds))
severities = st.sampled_from(Severity)
statuses = st.sampled_from(AlertStatus)
names = st.sampled_from(["HighLatency", "DiskFull", "Down", ""])
labels = st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=12), max_size=4)

_TRICKS = [
    "<!channel>",
    "<!here>",
    "<@U012AB3CD>",
    "<https://evil.example|click>",
    "@channel",
    "&lt;!channel&gt;",
    "&<>",
    "*bold* _it_ ~no~ `code`",
    "```",
    "````",
    "\x00\x07\x1b[31m",
    "\r\n\t\x85\u2028",
    "\u202eabc\u202c",
    "\u200b \u200b",
    "🔥",
    "👩‍👩‍👧‍👦",
    " ",
    "> quoted",
    "|",
]
_pieces = st.one_of(st.sampled_from(_TRICKS), st.text(max_size=8))
_repeated = st.tuples(st.one_of(st.sampled_from(_TRICKS), st.text(min_size=1, max_size=3)), st.integers(1, 5000))
hostile = st.one_of(
    st.lists(_pieces, max_size=6).map("".join),
    _repeated.map(lambda pair: (pair[0] * pair[1])[:5000]),
)
"""Text as an attacker or a broken sender would write it, up to 5,000 characters."""

_pool = st.shared(st.lists(hostile, min_size=1, max_size=6), key="strange texts")
strange = st.builds(lambda pool, n: pool[n % len(pool)], _pool, st.integers(0, 5))
"""The same few hostile texts in many places, which is faster to make."""

users = st.one_of(st.from_regex(r"[UW][A-Z0-9]{8,10}", fullmatch=True), strange)
counts = st.one_of(st.integers(1, 3), st.integers(0, 10**9))


def events(**fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[AlertEvent]:
    given: dict[str, Any] = {
        "source": st.just("alertmanager"),
        "fingerprint": st.just("f"),
        "status": statuses,
        "labels": st.just({"alertname": "HighLatency"}),
        "starts_at": moments,
        "annotations": labels,
        "ends_at": st.none() | moments,
        "group": st.sampled_from(["", "g"]),
        "truncated": st.integers(0, 3),
    }
    return st.builds(AlertEvent, **(given | fixed))


def alerts(text: st.SearchStrategy[str] = names) -> st.SearchStrategy[Alert]:
    return st.builds(
        Alert,
        identity=st.just("i"),
        episode=st.integers(1, 3),
        domain=text,
        partition=st.just(0),
        source=text,
        fingerprint=st.just("f"),
        name=text,
        service=text,
        severity=severities,
        status=statuses,
        labels=st.dictionaries(text, text, max_size=3),
        annotations=st.dictionaries(
            st.sampled_from(["summary", "description", "runbook_url"]) | text, text, max_size=4
        ),
        starts_at=moments,
        ends_at=st.none() | moments,
        received_at=moments,
        changes=st.lists(moments, max_size=32).map(sorted),
        flapping=st.booleans(),
        link=text | st.just("https://prometheus.example/graph?g0.expr=up&g0.tab=1"),
    )


def tallies(text: st.SearchStrategy[str] = names) -> st.SearchStrategy[Tally]:
    return st.builds(Tally, st.just("i"), text, text, severities, st.booleans(), st.booleans(), counts, moments)


def incidents(text: st.SearchStrategy[str] = names) -> st.SearchStrategy[Incident]:
    causes = st.builds(Cause, text, st.sampled_from(CauseKind), st.floats(0, 1), st.lists(text, max_size=6))
    return st.builds(
        Incident,
        id=st.just("0123456789abcdef"),
        number=st.integers(1, 10**6),
        domain=text,
        partition=st.just(0),
        status=st.sampled_from(IncidentStatus),
        severity=severities,
        title=text,
        summary=text,
        services=st.one_of(st.lists(text, max_size=7), text.map(lambda service: [service] * 60)),
        groups=st.dictionaries(text, counts, max_size=3),
        causes=st.lists(causes, max_size=2),
        opened_at=moments,
        active_at=moments,
        changed_at=moments,
        resolved_at=st.none() | moments,
        acknowledged_by=st.none() | users,
        resolved_by=st.none() | users,
    )


def plans(text: st.SearchStrategy[str]) -> st.SearchStrategy[Plan]:
    kinds = st.sampled_from(["command", "gate"])
    step = st.builds(PlannedStep, kind=kinds, parameters=st.just({}), text=text, repeatable=st.booleans())
    steps = st.lists(step, max_size=12)
    return st.builds(
        Plan,
        runbook=st.sampled_from(["scale", "restart", "roll-back", "retrain"]),
        definition=st.just("d"),
        title=text,
        steps=steps,
        rollback=steps,
        verify_within=st.floats(0, 10**6),
        alerts_resolved=st.booleans(),
    )


def _run(plan: Plan, **fields: Any) -> Run:
    return Run(plan=plan, plan_hash=plan_hash(plan), runbook=plan.runbook, **fields)


RUN_IDS = ["run-1", "run-2", "run-3", "run-4"]


def runs(text: st.SearchStrategy[str], run_id: str = RUN_IDS[0]) -> st.SearchStrategy[Run]:
    decisions = st.builds(Decision, user=users, verdict=st.sampled_from(["approve", "reject"]), at=moments)
    return st.builds(
        _run,
        plans(text),
        id=st.just(run_id),
        incident_id=st.just("0123456789abcdef"),
        partition=st.just(0),
        status=st.sampled_from(RunStatus),
        approvers=st.one_of(st.lists(users, max_size=4), users.map(lambda user: [user] * 300)),
        required=st.integers(1, 300),
        decisions=st.one_of(st.lists(decisions, max_size=4), decisions.map(lambda decision: [decision] * 300)),
        created_at=moments,
        expires_at=moments,
        outcome=text,
        gate=st.none() | st.builds(GatePreview, at=moments, passes=st.booleans(), said=text),
        preview=st.none() | _previews(text),
        holds=st.one_of(st.lists(_holds(text), max_size=3), _holds(text).map(lambda hold: [hold] * 300)),
        glass=st.none() | st.builds(Glass, user=users, reason=text, at=moments, windows=st.lists(text, max_size=3)),
        reach=st.none()
        | st.builds(BlastRadius, st.integers(0, 500), st.integers(0, 500), st.lists(text, min_size=5, max_size=5)),
    )


def _previews(text: st.SearchStrategy[str]) -> st.SearchStrategy[Preview]:
    step = st.builds(StepPreview, st.just(0), st.booleans(), st.booleans(), text)
    return st.builds(Preview, moments, st.one_of(st.lists(step, max_size=3), step.map(lambda one: [one] * 50)))


def _holds(text: st.SearchStrategy[str]) -> st.SearchStrategy[Hold]:
    people = st.one_of(st.lists(users, max_size=3), users.map(lambda user: [user] * 100))
    return st.builds(Hold, st.sampled_from(Guard), text, st.none() | moments, people, text)


_steps = st.builds(
    StepRecord,
    run_id=st.sampled_from(RUN_IDS),
    phase=st.sampled_from(Phase),
    position=st.integers(0, 20),
    status=st.sampled_from(StepStatus),
    started_at=moments,
    output=strange,
)

views = st.builds(
    IncidentView,
    incident=incidents(strange),
    tallies=st.one_of(st.lists(tallies(strange), max_size=10), tallies(strange).map(lambda tally: [tally] * 300)),
    runs=st.tuples(*(runs(strange, run_id) for run_id in RUN_IDS)).map(list) | st.just([]),
    steps=st.one_of(st.lists(_steps, max_size=10), _steps.map(lambda step: [step] * 20)),
    example=st.none() | alerts(strange),
    now=moments,
)
"""An incident with anything around it: few or 300 kinds of alerts, none or many runs and steps."""

timeline_entries = st.builds(
    TimelineEntry,
    incident_id=st.just("i"),
    at=moments,
    kind=st.sampled_from(TimelineKind),
    text=strange,
    actor=st.none() | users,
)
