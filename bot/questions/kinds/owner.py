"""Who has it?"""

from bot.domain.incident import IncidentStatus
from bot.questions.question import Answer, Asked, Line, question
from bot.questions.words import ago
from bot.storage.queries.oncall import schedules


@question(
    "owner",
    label="Who has it?",
    phrases={
        r"who (has|have|had|owns?|took|takes|handles?|leads?|got|drives?|acked|acknowledged)( \w+)?": 4,
        r"who is (on (it|this)|handling|looking|working|taking|leading|driving|fixing|investigating|assigned|"
        r"the (owner|lead|ic))": 5,
        r"(is|has) (any ?(one|body)|some ?(one|body)) (\w+ )?(handling|looking|working|taken|acknowledged|acked|on)": 5,
        r"(owner|assignee|assigned|acknowledged|incident commander)": 2,
    },
    place=70,
)
async def owner(asked: Asked) -> Answer:
    incident = asked.incident
    async with asked.knowledge.database.read() as connection:
        seen = await schedules.seen_by(connection, incident.id)
    lines = [Line(f"is looking at it, since {ago(at, asked.now)}", at, (person,)) for person, at in seen.items()]
    if incident.status is IncidentStatus.RESOLVED:
        by = (incident.resolved_by,) if incident.resolved_by else ()
        return Answer("It is resolved.", [Line("resolved it", incident.resolved_at, by)] if by else [])
    if incident.owner and incident.owner != incident.acknowledged_by:
        lines.insert(0, Line("owns it", None, (incident.owner,)))
    if incident.acknowledged_by:
        lines.insert(0, Line("acknowledged it", incident.acknowledged_at, (incident.acknowledged_by,)))
    if incident.looked_after_by:
        return Answer("Somebody has it.", lines)
    since = ago(incident.troubled_since, asked.now)
    return Answer(f"Nobody has it yet; it is open since {since}. “Acknowledge” on its message takes it.", lines)
