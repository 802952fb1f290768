"""A run of a runbook on the incident's card: exactly what will be done, who may approve it, how it went."""

from collections.abc import Sequence
from typing import Final

from bot.domain.duration import format_seconds
from bot.domain.run import GATE, Phase, Plan, PlannedStep, Run, RunStatus, StepRecord, first_gates
from bot.notify.card import Button, Offer, RunCard, StepLine, Style
from bot.notify.foreseen import Gate, PreviewCard, PreviewLine
from bot.notify.view import IncidentView

MAX_RUNS = 3
STANDS_OUT: Final[Style] = "primary"
MAX_STEPS = 8
MAX_FOUND = 3


def runs_to_show(runs: Sequence[Run]) -> list[Run]:
    """The latest run of each runbook; those that need somebody or are under way come first."""
    latest = {run.runbook: run for run in runs}
    return sorted(latest.values(), key=lambda run: (run.status.ended, run.created_at))[:MAX_RUNS]


def run_cards(view: IncidentView) -> tuple[RunCard, ...]:
    """Of all the buttons that a message has, the first one that approves a run stands out."""
    shown = runs_to_show(view.runs)
    first = next((run.id for run in shown if run.status is RunStatus.PROPOSED), None)
    return tuple(run_card(run, view, STANDS_OUT if run.id == first else None) for run in shown)


def run_card(run: Run, view: IncidentView, style: Style | None = None) -> RunCard:
    offered = run.status is RunStatus.PROPOSED and view.incident.open
    steps = [step for step in view.steps if step.run_id == run.id]
    return RunCard(
        id=run.id,
        title=run.plan.title,
        status=run.status,
        offer=_offer(run, style) if offered else None,
        decided_by=_deciders(run),
        steps=tuple(_step(run, step) for step in steps[:MAX_STEPS]),
        verifying=_verification(run.plan) if run.status is RunStatus.VERIFYING else "",
        outcome=run.outcome,
        stop=Button("run.stop", "Stop", run.id) if run.alone and not run.status.ended and not run.stopped_by else None,
    )


def _offer(run: Run, style: Style | None) -> Offer:
    value = f"{run.id}:{run.plan_hash}"
    approved = f"{value}:{run.preview.hash}" if run.preview else value
    breakable = any(hold.break_glass for hold in run.holds)
    return Offer(
        commands=_commands(run.plan.steps),
        undo=_commands(run.plan.rollback),
        gate=_gate(run),
        preview=_preview(run),
        approvers=tuple(run.approvers),
        approvals=tuple(run.approvals),
        required=run.required,
        expires_at=run.expires_at,
        verification=_verification(run.plan),
        previous=run.previous,
        alone_at=run.announced.until if run.announced else None,
        buttons=(
            *([Button("run.stop", "Stop", run.id, "danger")] if run.announced else []),
            Button("run.approve", f"{'Drill: approve' if run.drill else 'Approve:'} {run.plan.title}", approved, style),
            Button("run.reject", "Reject", value),
            *([Button("run.edit", "Edit …", value)] if run.filled is not None else []),
            *([Button("run.break_glass", "Break the glass …", value)] if breakable else []),
        ),
        holds=tuple(run.holds),
        glass=run.glass,
        proposed_by=run.proposed_by,
        drill=run.drill,
        reach=run.reach.in_words() if run.reach and run.reach.count else "",
    )


def _verification(plan: Plan) -> str:
    """What has to be so, and by when; empty where the runbook asks for no verification."""
    wanted = ["the alerts must resolve"] if plan.alerts_resolved else []
    wanted += [f"the monitor {plan.monitor} must find nothing"] if plan.monitor else []
    wanted += plan.evidence()
    if not wanted:
        return ""
    stable = f" and stay so for {format_seconds(plan.quiet_for)}" if plan.quiet_for else ""
    return f"{' and '.join(wanted)} within {format_seconds(plan.verify_within)}{stable}"


def _commands(steps: Sequence[PlannedStep]) -> str:
    return "\n".join(step.text for step in steps)


def _preview(run: Run) -> PreviewCard:
    seen = run.preview
    if seen is None:
        return PreviewCard(None, (), expected=any(step.previewable for step in run.plan.steps))
    steps = run.plan.steps
    names = [steps[one.position].name if one.position < len(steps) else "step" for one in seen.steps]
    lines = [PreviewLine(name, one.possible, one.ok, one.output) for name, one in zip(names, seen.steps, strict=True)]
    return PreviewCard(seen.at, tuple(lines))


def _gate(run: Run) -> Gate | None:
    gates, first = sum(step.kind == GATE for step in run.plan.steps), len(first_gates(run.plan))
    return Gate(begins=first > 0, look=run.gate, others=gates > first) if gates else None


def _deciders(run: Run) -> tuple[str, ...]:
    """Who approved it, or rejected it; nobody decided what expired."""
    if run.status is RunStatus.EXPIRED:
        return ()
    decisive = "reject" if run.status is RunStatus.REJECTED else "approve"
    return tuple(decision.user for decision in run.decisions if decision.verdict == decisive)


def _step(run: Run, record: StepRecord) -> StepLine:
    rollback = record.phase is Phase.ROLLBACK
    steps = run.plan.rollback if rollback else run.plan.steps
    text = steps[record.position].text if record.position < len(steps) else "step"
    return StepLine(text, record.status, rollback, _found(record))


def _found(record: StepRecord) -> str:
    """The last lines of what a step said that has ended: a gate's interval, metrics, the version that is served now."""
    lines = [line.strip() for line in record.output.splitlines() if line.strip()]
    return " · ".join(lines[-MAX_FOUND:]) if record.ended_at else ""
