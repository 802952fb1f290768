"""The parts of a report that people write: proposed from what is stored, then kept as they wrote them."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.deed import Rule
from bot.domain.duration import format_duration
from bot.domain.incident import Incident
from bot.domain.review.texts import Texts, writing
from bot.domain.run import Run, RunStatus
from bot.incidents.change import Deed, carry_out
from bot.incidents.permissions import Action, Who, actor_of
from bot.storage.database import Database
from bot.storage.queries.deeds import reports


def proposed(incident: Incident, fired: int, runs: list[Run], now: datetime) -> Texts:
    """What is known of it in sentences, to be corrected; lessons are for people alone."""
    cause = f" Likely cause: {incident.causes[0].phrase}." if incident.causes else ""
    helped = [run.plan.title for run in runs if run.status is RunStatus.SUCCEEDED]
    fixed = f" Fixed by “{'”, “'.join(helped)}”, which was verified." if helped else ""
    title = (incident.title or f"Incident #{incident.number}").strip().rstrip(".")
    services = ", ".join(incident.services) or "no service is known"
    lasted = format_duration(incident.lasted(now))
    still = "for" if incident.resolved_at else "for at least"
    return Texts(
        summary=f"{title}.{cause}{fixed}",
        impact=f"Services: {services}. {fired} {'alert' if fired == 1 else 'alerts'} fired, {still} {lasted}.",
    )


async def write(database: Database, incident_id: str, texts: Texts, who: Who, now: datetime) -> Incident:
    """Keep what a person wrote. Raises Refused, audited."""
    kept = Texts(texts.summary.strip(), texts.impact.strip(), texts.lessons.strip(), actor_of(who).id, now)

    async def rule(connection: AsyncConnection, incident: Incident) -> Rule:
        return writing(await reports.texts_of(connection, incident.id) or Texts(), kept)

    async def then(connection: AsyncConnection, incident: Incident, now: datetime) -> None:
        await reports.save(connection, incident.id, kept)

    return await carry_out(database, incident_id, Deed("incident.report", Action.NOTE, rule, then), who, now)
