"""The verification in a drill: whether what it would ask can be read. What that says now proves nothing."""

from datetime import datetime

from bot.domain.incident import Incident
from bot.domain.run import Plan
from bot.domain.runs.drill import Check
from bot.domain.runs.verification import Verdict
from bot.remediation.asking import QueryReader


async def drilled(plan: Plan, incident: Incident, read: QueryReader, now: datetime) -> tuple[Verdict, str]:
    """How the verification of a drill ends."""
    bad = [check.said for check in await evidence_of(plan, incident, read, now) if check.ok is False]
    if bad:
        return Verdict.NO_EVIDENCE, f"Drill: nothing was changed. The verification would fail: {'; '.join(bad)}."
    return Verdict.VERIFIED, "Drill: nothing was changed, and what the verification would ask can be asked."


async def evidence_of(plan: Plan, incident: Incident, read: QueryReader, now: datetime) -> list[Check]:
    """Whether what the verification asks can be read. What it says now says nothing about the runbook."""
    checks = list[Check]()
    for query in plan.queries:
        look = await read(query, incident.opened_at, now)
        unread = [why for why in look.unproven if "cannot be read" in why or "has no value" in why]
        checks.append(Check("evidence", not unread, unread[0] if unread else f"{query.name} can be read"))
    checks += [Check("evidence", None, f"{step.name}: not asked in a drill") for step in plan.probes]
    if plan.monitor:
        checks.append(Check("evidence", None, f"the monitor {plan.monitor}: looked at only after a run"))
    if plan.alerts_resolved:
        checks.append(Check("evidence", None, "the alerts of the incident: looked at only after a run"))
    return checks or [Check("evidence", None, "nothing verifies it")]
