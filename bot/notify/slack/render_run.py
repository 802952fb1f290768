"""A run of a runbook inside the incident's message: exactly what will be done, who may approve it, how it went."""

from collections.abc import Sequence

from bot.domain.duration import format_seconds
from bot.domain.run import GATE, GatePreview, Phase, PlannedStep, Run, RunStatus, StepRecord, StepStatus, first_gates
from bot.notify.slack.blocks import Block, button, mrkdwn, section
from bot.notify.slack.text import code_block, inline_code, literal, when, who
from bot.notify.slack.view import IncidentView

MAX_RUNS = 3
MAX_STEPS = 6
MAX_PEOPLE = 10
MAX_GATE_LINES = 8
_ICON = {
    RunStatus.PROPOSED: "🛠️",
    RunStatus.APPROVED: "⏳",
    RunStatus.RUNNING: "⏳",
    RunStatus.VERIFYING: "🔎",
    RunStatus.SUCCEEDED: "✅",
    RunStatus.FAILED: "❌",
    RunStatus.ROLLED_BACK: "↩️",
    RunStatus.REJECTED: "🚫",
    RunStatus.EXPIRED: "⌛",
}
_STEP_ICON = {
    StepStatus.STARTED: "⏳",
    StepStatus.SUCCEEDED: "✅",
    StepStatus.FAILED: "❌",
    StepStatus.IN_DOUBT: "❓",
}


def runs_to_show(runs: Sequence[Run]) -> list[Run]:
    """The latest run of each runbook; those that need somebody or are under way come first."""
    latest = {run.runbook: run for run in runs}
    return sorted(latest.values(), key=lambda run: (run.status.ended, run.created_at))[:MAX_RUNS]


def run_blocks(run: Run, view: IncidentView) -> list[Block]:
    if run.status is RunStatus.PROPOSED and view.incident.open:
        return [{"type": "divider"}, *_offer(run), *_gate(run), _offer_buttons(run), _offer_terms(run)]
    return [{"type": "divider"}, section(_progress(run, [step for step in view.steps if step.run_id == run.id]))]


def _offer(run: Run) -> list[Block]:
    """The plan in full: PlanError has kept out any that would not fit."""
    made = [section(f"🛠️ *Proposed: {literal(run.plan.title, 150)}*\n{code_block(_commands(run.plan.steps), 2750)}")]
    if run.plan.rollback:
        undo = code_block(_commands(run.plan.rollback), 2750)
        made.append(section(f"If it does not help, this undoes it:\n{undo}"))
    return made


def _commands(steps: Sequence[PlannedStep]) -> str:
    return "\n".join(step.text for step in steps)


def _gate(run: Run) -> list[Block]:
    """What the gate says before anybody approves, or why it says nothing yet."""
    gates, first = sum(step.kind == GATE for step in run.plan.steps), len(first_gates(run.plan))
    if not gates:
        return []
    later = "asked only when the run has come to it: what it will say is not known yet."
    if not first:
        return [section(f"⚖️ *Gate:* {later}")]
    asking = "⚖️ *Gate:* is being asked. Its interval will stand here as soon as it is known."
    said = _looked(run.gate) if run.gate else asking
    return [section(said + (f"\nThe gate behind other steps is {later}" if gates > first else ""))]


def _looked(look: GatePreview) -> str:
    verdict = "would let this pass now" if look.passes else "would refuse this now"
    lines = look.said.splitlines()
    shown = [f"• {literal(line, 300)}" for line in lines[:MAX_GATE_LINES]]
    if len(lines) > MAX_GATE_LINES:
        shown.append(f"… and {len(lines) - MAX_GATE_LINES} lines more in the thread")
    again = "It is asked again after the approval, and that answer decides."
    return "\n".join([f"⚖️ *Gate:* {verdict} · asked {when(look.at)}", *shown, again])


def _offer_buttons(run: Run) -> Block:
    value = f"{run.id}:{run.plan_hash}"
    buttons = [
        button("run.approve", "Approve", value, "primary"),
        button("run.reject", "Reject", value, "danger"),
    ]
    return {"type": "actions", "block_id": f"run.{run.id}", "elements": buttons}


def _offer_terms(run: Run) -> Block:
    terms = [f"{_people(run.approvers)} may approve until {when(run.expires_at)}"]
    if run.required > 1:
        terms.append(f"{run.required} approvals needed, given: {_people(run.approvals) or 'none yet'}")
    if run.plan.alerts_resolved:
        terms.append(f"verified: the alerts must resolve within {format_seconds(run.plan.verify_within)}")
    return {"type": "context", "elements": [mrkdwn(" · ".join(terms))]}


def _people(users: Sequence[str]) -> str:
    more = f" and {len(users) - MAX_PEOPLE} more" if len(users) > MAX_PEOPLE else ""
    return ", ".join(who(user) for user in users[:MAX_PEOPLE]) + more


def _progress(run: Run, steps: Sequence[StepRecord]) -> str:
    lines = [f"{_ICON[run.status]} *{literal(run.plan.title, 150)}* · {run.status}{_decided_by(run)}"]
    for step in steps[:MAX_STEPS]:
        lines.append(f"{_STEP_ICON[step.status]} {_step_name(run, step)}")
    if run.status is RunStatus.VERIFYING:
        lines.append(f"Waiting up to {format_seconds(run.plan.verify_within)} for the alerts to resolve")
    if run.outcome:
        lines.append(literal(run.outcome, 700))
    return "\n".join(lines)


def _decided_by(run: Run) -> str:
    decisive = "reject" if run.status is RunStatus.REJECTED else "approve"
    deciders = [decision.user for decision in run.decisions if decision.verdict == decisive]
    if not deciders or run.status is RunStatus.EXPIRED:
        return ""
    return f" · {'rejected' if decisive == 'reject' else 'approved'} by {_people(deciders)}"


def _step_name(run: Run, step: StepRecord) -> str:
    steps = run.plan.rollback if step.phase is Phase.ROLLBACK else run.plan.steps
    undo = "rollback: " if step.phase is Phase.ROLLBACK else ""
    text = steps[step.position].text if step.position < len(steps) else "step"
    return f"{undo}{inline_code(text, 240)} {step.status}"
