"""A run inside the incident's message: the plan in full and its buttons, or how it went."""

from collections.abc import Sequence

from slack_sdk.models.blocks import Block, DividerBlock

from bot.domain.guards.hold import Guard, Hold
from bot.domain.run import GatePreview, PreviousRun, RunStatus, StepStatus
from bot.notify.card import Offer, RunCard, StepLine
from bot.notify.foreseen import Gate, PreviewCard, PreviewLine
from bot.notify.slack.blocks import actions, context, packed, section
from bot.notify.slack.text import code_block, inline_code, literal, when, who

MAX_PEOPLE = 10
MAX_GATE_LINES = 8
MAX_HOLDS = 5
_DRILL = "🧪 *This is a drill:* whatever you click, nothing is changed."
MAX_PREVIEW = 1500
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
    RunStatus.STOPPED: "✋",
}
_STEP_ICON = {
    StepStatus.STARTED: "⏳",
    StepStatus.SUCCEEDED: "✅",
    StepStatus.FAILED: "❌",
    StepStatus.IN_DOUBT: "❓",
}


def run_blocks(run: RunCard) -> list[Block]:
    if run.offer is None:
        stop = [actions(f"stop.{run.id}", [run.stop])] if run.stop else []
        return [DividerBlock(), *map(section, packed(_progress(run))), *stop]
    gate = [section(_DRILL)] if run.offer.drill else []
    gate += _seen(run.offer.preview)
    gate += [section(_gate(run.offer.gate))] if run.offer.gate else []
    gate += [context(_previous(run.offer.previous))] if run.offer.previous else []
    gate += _guards(run.offer)
    if run.offer.alone_at:
        gate.append(section(f"🤖 *Tandem runs this by itself at {when(run.offer.alone_at)}* unless somebody stops it."))
    buttons = actions(f"run.{run.id}", run.offer.buttons)
    return [DividerBlock(), *_plan(run.title, run.offer), *gate, buttons, context(_terms(run.offer))]


def _plan(title: str, offer: Offer) -> list[Block]:
    """In full: PlanError has kept out any that would not fit."""
    made = [section(f"🛠️ *Proposed: {literal(title, 150)}*\n{code_block(offer.commands, 2750)}")]
    if offer.undo:
        made.append(section(f"If it does not help, this undoes it:\n{code_block(offer.undo, 2750)}"))
    return made


def _previous(previous: PreviousRun) -> str:
    return f"🔁 Last time it {previous.in_words(when(previous.at))}"


def _guards(offer: Offer) -> list[Block]:
    """What depends on what it acts on, what forbids it now, and whose glass was broken."""
    made: list[Block] = [context(f"🎯 {literal(offer.reach, 300)}")] if offer.reach else []
    if offer.holds:
        lines = [f"• {_hold(hold)}" for hold in offer.holds[:MAX_HOLDS]]
        made.append(section("\n".join(["⛔ *Not to be run now* because of", *lines])))
    if offer.glass:
        windows = literal(", ".join(offer.glass.windows), 200)
        text = f"🚨 {who(offer.glass.user)} broke the glass ({windows}): {literal(offer.glass.reason, 500)}"
        made.append(section(f"{text}\nSomebody else must approve it."))
    return made


def _hold(hold: Hold) -> str:
    until = f" until {when(hold.until)}" if hold.until else ""
    may = ""
    if hold.guard is Guard.FREEZE:
        may = (
            f"; {_people(hold.break_glass)} may break the glass" if hold.break_glass else "; nobody may break the glass"
        )
    return f"{literal(hold.why, 200)}{until}{may}"


def _gate(gate: Gate) -> str:
    """What the gate says before anybody approves, or why it says nothing yet."""
    later = "asked only when the run has come to it: what it will say is not known yet."
    if not gate.begins:
        return f"⚖️ *Gate:* {later}"
    pending = "⚖️ *Gate:* is being asked. Its interval will stand here as soon as it is known."
    first = _preview(gate.look) if gate.look else pending
    return first + (f"\nThe gate behind other steps is {later}" if gate.others else "")


def _preview(look: GatePreview) -> str:
    verdict = "would let this pass now" if look.passes else "would refuse this now"
    lines = look.said.splitlines()
    shown = [f"• {literal(line, 300)}" for line in lines[:MAX_GATE_LINES]]
    if len(lines) > MAX_GATE_LINES:
        shown.append(f"… and {len(lines) - MAX_GATE_LINES} lines more in the thread")
    again = "It is asked again after the approval, and that answer decides."
    return "\n".join([f"⚖️ *Gate:* {verdict} · asked {when(look.at)}", *shown, again])


def _seen(preview: PreviewCard) -> list[Block]:
    """What the steps that can be previewed would change; the thread has what is cut off here."""
    if preview.at is None:
        return [context("🔎 What it would change is being found out.")] if preview.expected else []
    found = [one for one in preview.lines if one.possible]
    if not found:
        return []
    fails = "" if all(one.ok for one in found) else " · ❌ it would fail"
    room = max(MAX_PREVIEW // len(found), 100)
    shown = [_previewed(one, room, alone=len(preview.lines) == 1) for one in found[: MAX_PREVIEW // 100]]
    others = len(preview.lines) - len(shown)
    more = f"\nOf {others} other step{'s' if others > 1 else ''} no preview is shown." if others else ""
    text = f"🔎 *Preview:* what it would change · as of {when(preview.at)}{fails}"
    return [section(f"{text}\n{code_block(chr(10).join(shown), MAX_PREVIEW + 100)}{more}")]


def _previewed(one: PreviewLine, room: int, *, alone: bool) -> str:
    text = one.text if len(one.text) <= room else f"{one.text[:room]}…"
    name = [] if alone else [f"▸ {one.step[:80]}"]
    return "\n".join([*name, text if one.ok else f"would fail: {text}"])


def _terms(offer: Offer) -> str:
    terms = [f"{_people(offer.approvers)} may approve until {when(offer.expires_at)}"]
    if offer.required > 1:
        terms.append(f"{offer.required} approvals needed, given: {_people(offer.approvals) or 'none yet'}")
    if offer.proposed_by:
        terms.insert(0, f"proposed by {who(offer.proposed_by)}")
    if not offer.preview.expected and not any(one.possible for one in offer.preview.lines):
        terms.append("no preview is possible")
    if offer.verification:
        terms.append(f"verified: {literal(offer.verification, 300)}")
    return " · ".join(terms)


def _people(users: Sequence[str]) -> str:
    more = f" and {len(users) - MAX_PEOPLE} more" if len(users) > MAX_PEOPLE else ""
    return ", ".join(who(user) for user in users[:MAX_PEOPLE]) + more


def _progress(run: RunCard) -> list[str]:
    verb = "rejected" if run.status is RunStatus.REJECTED else "approved"
    decided = f" · {verb} by {_people(run.decided_by)}" if run.decided_by else ""
    lines = [f"{_ICON[run.status]} *{literal(run.title, 150)}* · {run.status}{decided}"]
    lines += [_step(step) for step in run.steps]
    if run.verifying:
        lines.append(f"Waiting: {literal(run.verifying, 300)}")
    if run.outcome:
        lines.append(literal(run.outcome, 700))
    return lines


def _step(step: StepLine) -> str:
    undo = "rollback: " if step.rollback else ""
    found = f"\n      {literal(step.found, 300)}" if step.found else ""
    return f"{_STEP_ICON[step.status]} {undo}{inline_code(step.text, 240)} {step.status}{found}"
