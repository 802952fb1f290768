"""Incidents as the JSON API shows them: alerts and timelines a page at a time, so that none holds up other requests."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert
from bot.domain.guards.hold import BlastRadius, Hold
from bot.domain.incident import Incident, TimelineEntry
from bot.domain.run import PreviousRun, Run, StepRecord
from bot.storage.queries import alerts, incidents, runs

MOST_ALERTS = MOST_ENTRIES = 100_000
PAGE = 200


async def describe(connection: AsyncConnection, found: Sequence[Incident]) -> list[dict[str, Any]]:
    ids = [incident.id for incident in found]
    alerts_of = await _alerts_of(connection, ids)
    runs_of = await runs.of_incidents(connection, ids)
    steps = await runs.steps_of(connection, [run.id for known in runs_of.values() for run in known])
    return [
        {
            "id": incident.id,
            "number": incident.number,
            "title": incident.title,
            "status": incident.status,
            "severity": incident.severity,
            "summary": incident.summary,
            "services": incident.services,
            "opened_at": _moment(incident.opened_at),
            "resolved_at": _moment(incident.resolved_at),
            "acknowledged_by": incident.acknowledged_by,
            "resolved_by": incident.resolved_by,
            "truncated": incident.truncated,
            "alerts": alerts_of[incident.id],
            "causes": incident.causes,
            "past": incident.past,
            "runs": [_run(run, [step for step in steps if step.run_id == run.id]) for run in runs_of[incident.id]],
        }
        for incident in found
    ]


async def _alerts_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, msgspec.Raw]:
    """The alerts of incidents as JSON, made a page at a time: other requests have their turn in between."""
    encoded: dict[str, list[bytes]] = {incident_id: [] for incident_id in ids}
    async for page in alerts.in_pages(connection, ids, MOST_ALERTS):
        for alert in page:
            encoded[alert.incident_id or ""].append(msgspec.json.encode(_alert(alert)))
        await asyncio.sleep(0)
    return {incident_id: _listed(parts) for incident_id, parts in encoded.items()}


async def timeline_of(connection: AsyncConnection, incident_id: str) -> msgspec.Raw:
    """Likewise, an incident's timeline."""
    encoded: list[bytes] = []
    after = 0
    while page := await incidents.timeline_of(connection, incident_id, after=after, limit=PAGE):
        encoded += [msgspec.json.encode(_entry(entry)) for _, entry in page]
        after = page[-1][0]
        if len(encoded) >= MOST_ENTRIES:
            break
        await asyncio.sleep(0)
    return _listed(encoded)


def _listed(parts: Sequence[bytes]) -> msgspec.Raw:
    return msgspec.Raw(b"[" + b",".join(parts) + b"]")


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "fingerprint": alert.fingerprint,
        "status": alert.status,
        "labels": alert.labels,
        "annotations": alert.annotations,
        "starts_at": _moment(alert.starts_at),
        "ends_at": _moment(alert.ends_at),
        "source": alert.source,
        "severity": alert.severity,
        "service": alert.service,
        "flapping": alert.flapping,
        "repeats": alert.repeats,
        "link": alert.link,
    }


def _run(run: Run, steps: Sequence[StepRecord]) -> dict[str, Any]:
    return {
        "id": run.id,
        "runbook": run.runbook,
        "status": run.status,
        "title": run.plan.title,
        "plan_hash": run.plan_hash,
        "plan": [step.text for step in run.plan.steps],
        "rollback": [step.text for step in run.plan.rollback],
        "approvers": run.approvers,
        "required": run.required,
        "decisions": run.decisions,
        "created_at": _moment(run.created_at),
        "expires_at": _moment(run.expires_at),
        "ended_at": _moment(run.ended_at),
        "outcome": run.outcome,
        "targets": run.plan.targets,
        "watched": [one.what for one in run.watched],
        "previous": _previous(run.previous) if run.previous else None,
        "gate": {"at": _moment(run.gate.at), "passes": run.gate.passes, "said": run.gate.said} if run.gate else None,
        "proposed_by": run.proposed_by or None,
        "parameters": run.plan.parameters,
        "started_at": _moment(run.started_at),
        "guards": [_hold(hold) for hold in run.holds],
        "glass": {**msgspec.to_builtins(run.glass), "at": _moment(run.glass.at)} if run.glass else None,
        "blast_radius": _reach(run.reach) if run.reach else None,
        "steps": [{"phase": s.phase, "position": s.position, "status": s.status, "output": s.output} for s in steps],
    }


def _hold(hold: Hold) -> dict[str, Any]:
    return {
        "guard": hold.guard,
        "name": hold.name,
        "why": hold.why,
        "until": _moment(hold.until),
        "break_glass": hold.break_glass,
    }


def _reach(reach: BlastRadius) -> dict[str, Any]:
    return {"dependants": reach.count, "critical": reach.critical, "named": reach.named}


def _previous(previous: PreviousRun) -> dict[str, Any]:
    return {
        "at": _moment(previous.at),
        "status": previous.status,
        "relapsed_after_seconds": previous.relapsed_after,
    }


def _entry(entry: TimelineEntry) -> dict[str, Any]:
    return {"at": _moment(entry.at), "kind": entry.kind, "text": entry.text, "actor": entry.actor}
