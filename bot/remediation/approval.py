"""Who may approve what, and the record of every decision and refusal."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.access.person import Person, in_words
from bot.domain.access.team import Teams
from bot.domain.guards.hold import Hold, held_up_by, left_over
from bot.domain.incident import Incident, TimelineEntry, TimelineKind
from bot.domain.run import Decision, Run, RunStatus, withdraw
from bot.domain.runbook import Approval, Runbook, definition_hash
from bot.domain.runs.verification import MOST_WATCHED, WatchedAlert, watched_from
from bot.errors import Refused
from bot.incidents import permissions
from bot.incidents.guarding import Guards, Subject, held_by
from bot.incidents.permissions import Action, Who, actor_of
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import alerts, audit, incidents, runs
from bot.storage.queries.audit import AuditEntry

Verdict = Literal["approve", "reject"]
_ACTIONS: dict[Verdict, Action] = {"approve": Action.APPROVE, "reject": Action.REJECT}
MAX_REASON = 500
_FORGED = "it was changed in the database past Tandem"
_CHANGED = "the runbook was edited after this was offered"


def refusal_of(
    run: Run | None, incident: Incident | None, who: Who, verdict: Verdict, plan_hash: str, now: datetime
) -> str:
    """Why a decision is not taken, in words for the person who made it; empty where it is."""
    if why := refusal_of_state(run, incident, plan_hash, now):
        return why
    if run is None or incident is None:
        return "This proposal is not known here: nothing was run."
    if why := permissions.refusal_of(who, _ACTIONS[verdict], incident):
        return why
    person = actor_of(who).person
    if why := who_may(verdict, run, who):
        return why
    if verdict == "approve" and run.glass and person.id == run.glass.user:
        return f"You broke the glass for “{run.plan.title}”: somebody else must approve it."
    if verdict == "approve" and person.id in run.approvals:
        return f"You approved “{run.plan.title}” already; somebody else must, too."
    return ""


def who_may(verb: str, run: Run, who: Who) -> str:
    """Why somebody is none of its approvers, with who is; empty where they are one."""
    person = actor_of(who).person
    if person.is_one_of(run.approvers):
        return ""
    allowed = ", ".join(map(in_words, run.approvers))
    unknown = person.why_unknown(run.approvers)
    hint = f" {unknown[0].upper()}{unknown[1:]}." if unknown else ""
    return f"You may not {verb} “{run.plan.title}”. {allowed} may.{hint}"


def refusal_of_state(run: Run | None, incident: Incident | None, plan_hash: str, now: datetime) -> str:
    """Why nobody may decide on this offer any more, in words; empty where somebody may."""
    if run is None or incident is None:
        return "This proposal is not known here: nothing was run."
    if run.status is not RunStatus.PROPOSED:
        return f"“{run.plan.title}” is {run.status} already: your click changed nothing."
    if not incident.open:
        return f"Incident #{incident.number} is resolved: nothing was run."
    if now >= run.expires_at:
        return f"This offer of “{run.plan.title}” has expired: nothing was run."
    if not hmac.compare_digest(run.plan_hash.encode(), plan_hash.encode()):
        return "The plan is no longer the one that this button was for: nothing was run. Look at the message again."
    return ""


@dataclass(frozen=True)
class Terms:
    """What runs are decided by, of tandem.yaml as it is now."""

    runbooks: Mapping[str, Runbook]
    guards: Guards = field(default_factory=Guards)


async def holds_now(
    connection: AsyncConnection, terms: Terms, run: Run, incident: Incident, now: datetime
) -> list[Hold]:
    """The guards that forbid a run now, but for the freeze windows whose glass is broken for it."""
    runbook = terms.runbooks.get(run.runbook)
    if runbook is None:
        return []
    subject = Subject(incident, runbook, run.plan, run.id)
    return left_over(await held_by(connection, terms.guards, subject, now), run.broken)


async def watched_now(connection: AsyncConnection, incident_id: str) -> list[WatchedAlert]:
    """The alerts of an incident that fire now: what a run that is approved now has to end."""
    return watched_from(await alerts.active_of(connection, incident_id, MOST_WATCHED))


@begun_anew
async def decide(
    database: Database,
    terms: Terms,
    run_id: str,
    shown: str,
    who: Who,
    verdict: Verdict,
    now: datetime,
    reason: str = "",
) -> Run:
    """Take a decision, in one transaction with its audit entry.

    ``shown`` is the hash of the plan that they had before them, and behind a colon that of its preview. The run is
    approved when as many different people as required have said so; one rejection ends it. While a guard forbids it
    nobody may approve. Raises Refused, audited too.
    """
    user, (plan_hash, _, preview) = actor_of(who).id, shown.partition(":")
    async with database.write() as connection:
        incident, run = await locked(connection, run_id)
        why = refusal_of(run, incident, who, verdict, plan_hash, now)
        if not why and run and _edited(terms.runbooks, run):
            why = f"The runbook “{run.plan.title}” was edited after this was offered: nothing was run."
            await _record(connection, withdraw(run, _CHANGED, now), f"Withdrawn: {_CHANGED}", None, now)
        if not why and run and not runs.is_authentic(database.seal, run):
            why = f"“{run.plan.title}” was changed in the database past Tandem: nothing was run."
            await _record(connection, withdraw(run, _FORGED, now), f"Withdrawn: {_FORGED}", None, now)
        if not why and run and verdict == "approve":
            why = _against_policy(terms.runbooks[run.runbook].approval, run, user, reason) or _outdated(run, preview)
        if not why and run and incident and verdict == "approve":
            holds = await holds_now(connection, terms, run, incident, now)
            why = f"“{run.plan.title}” may not be run now because of {held_up_by(holds)}." if holds else ""
        if why or run is None:
            details = {"reason": why, "verdict": verdict}
            await audit.append(connection, AuditEntry(now, user, "run.refused", f"run {run_id}", details))
        else:
            outside = _is_outside(terms, run, who)
            decision = Decision(user, verdict, now, reason.strip()[:MAX_REASON], outside, preview)
            run = runs.sealed(connection, _with(run, decision, terms.runbooks[run.runbook].approval))
            if run.status is RunStatus.APPROVED:
                run = msgspec.structs.replace(run, watched=await watched_now(connection, run.incident_id))
            await _record(connection, run, _said(run, verdict), user, now)
            details = {"runbook": run.runbook, "plan_hash": run.plan_hash, "status": run.status.value}
            details |= {"reason": decision.reason} if decision.reason else {}
            details |= {"preview": decision.preview} if decision.preview else {}
            await audit.append(connection, AuditEntry(now, user, f"run.{verdict}", f"run {run_id}", details))
    if why or run is None:
        raise Refused(why)
    return run


@begun_anew
async def lapse(database: Database, runbooks: Mapping[str, Runbook], offered: Sequence[Run], now: datetime) -> bool:
    """Withdraw the offers that expired or whose runbook was edited; True where there were any."""
    lapsed = [run.id for run in offered if now >= run.expires_at or _edited(runbooks, run)]
    for run_id in lapsed:
        async with database.write() as connection:
            _, run = await locked(connection, run_id)
            if run and run.status is RunStatus.PROPOSED:
                reason = _CHANGED if _edited(runbooks, run) else "nobody decided in time"
                said = f"Offer withdrawn: {run.plan.title}, {reason}"
                await _record(connection, withdraw(run, reason, now), said, None, now)
                await audit.append(
                    connection, AuditEntry(now, "tandem", "run.expire", f"run {run_id}", {"reason": reason})
                )
    return bool(lapsed)


def _edited(runbooks: Mapping[str, Runbook], run: Run) -> bool:
    runbook = runbooks.get(run.runbook)
    return runbook is None or definition_hash(runbook) != run.plan.definition


async def locked(connection: AsyncConnection, run_id: str) -> tuple[Incident | None, Run | None]:
    """Incident and run, locked in the order in which the pipeline locks them."""
    run = await runs.by_id(connection, run_id)
    if run is None:
        return None, None
    incident = await incidents.by_id(connection, run.incident_id, lock=True)
    return incident, await runs.by_id(connection, run_id, lock=True)


def _against_policy(approval: Approval, run: Run, user: str, reason: str) -> str:
    """Why the runbook's policy does not take an approval of this person; empty where it does."""
    if user == run.proposed_by and not approval.proposer_may_approve:
        return f"You proposed “{run.plan.title}”: somebody else must approve it."
    if approval.reason and not reason.strip():
        return f"Say why “{run.plan.title}” is to be run: its runbook asks for a reason."
    return ""


def _outdated(run: Run, preview: str) -> str:
    """Why the preview that somebody had before them is not what they would approve; empty where it is, or is none."""
    if not preview or (run.preview and run.preview.hash == preview):
        return ""
    return f"What “{run.plan.title}” would change is no longer what its preview showed: look at the message again."


def _is_outside(terms: Terms, run: Run, who: Who) -> bool:
    return is_outside(actor_of(who).person, terms.guards.teams, run.plan.targets)


def is_outside(person: Person, teams: Teams, targets: Sequence[str]) -> bool:
    """Whether somebody is known to be in no team that answers for these services."""
    members = teams.members_of(teams.of_services(targets))
    return not person.is_one_of(members) and not person.why_unknown(members)


def _with(run: Run, decision: Decision, approval: Approval) -> Run:
    run = msgspec.structs.replace(run, decisions=[*run.decisions, decision])
    if decision.verdict == "reject":
        return msgspec.structs.replace(run, status=RunStatus.REJECTED, ended_at=decision.at)
    enough = len(set(run.approvals)) >= run.required and not lacks_other_team(run, approval)
    return msgspec.structs.replace(run, status=RunStatus.APPROVED) if enough else run


def lacks_other_team(run: Run, approval: Approval) -> bool:
    """Whether somebody of another team is still to approve it."""
    return approval.other_team and not any(one.outside for one in run.decisions if one.verdict == "approve")


def _said(run: Run, verdict: Verdict) -> str:
    if verdict == "reject":
        return f"Rejected: {run.plan.title}"
    missing, reason = run.required - len(set(run.approvals)), run.decisions[-1].reason
    more = f" ({missing} more needed)" if missing > 0 else ""
    if not more and run.status is RunStatus.PROPOSED:
        more = " (somebody of another team must, too)"
    return f"Approved: {run.plan.title}{more}" + (f". Reason: {reason}" if reason else "")


async def _record(connection: AsyncConnection, run: Run, said: str, actor: str | None, now: datetime) -> None:
    await runs.save(connection, [run])
    entry = TimelineEntry(incident_id=run.incident_id, at=now, kind=TimelineKind.RUN, text=said, actor=actor)
    await incidents.add_to_timeline(connection, [entry])
    await incidents.touch(connection, run.incident_id, now)
