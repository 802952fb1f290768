"""How does it stand?"""

from bot.domain.run import RunStatus
from bot.questions.question import Answer, Asked, Line, question
from bot.questions.words import ago, counted, listed
from bot.storage.queries import runs


@question(
    "status",
    label="How does it stand?",
    phrases={
        r"status|state of|stand(s|ing)?|summar\w*|tl ?dr|recap|overview|catch me up|bring me up|brief\w*|update": 3,
        r"what (is|was)( \w+){0,2} (happening|going on|wrong|up|this|it|that|the (issue|problem|matter|"
        r"situation|incident))": 4,
        r"what (happened|went wrong|do (you|we) know|is known)": 4,
        r"how (is|are|bad|severe|serious|does)( (it|this|that|things|we))?( \w+)?": 3,
        r"(severity|how (bad|severe|serious))": 2,
        r"(tell|show|give) (me|us)( \w+){0,3} (about|this|it|more|details?|information)": 3,
    },
    place=15,
)
async def status(asked: Asked) -> Answer:
    incident, now = asked.incident, asked.now
    async with asked.knowledge.database.read() as connection:
        known = (await runs.of_incidents(connection, [incident.id]))[incident.id]
    active = sum(tally.alerts for tally in asked.situation.tallies if tally.active)
    says = f"#{incident.number} {incident.title or 'incident'}: {incident.status}, {incident.severity}, "
    says += f"began {ago(incident.opened_at, now)}, {counted(active, 'alert')} firing."
    lines = [Line(incident.summary)] if incident.summary else []
    lines += [Line(f"Affected: {listed(incident.services, 8)}")] if incident.services else []
    if incident.causes:
        first = incident.causes[0]
        lines.append(Line(f"Likely cause ({first.score:.0%}): {first.phrase}: {'; '.join(first.evidence[:3])}"))
    else:
        lines.append(Line("The cause is not clear."))
    if incident.looked_after_by:
        lines.append(Line("has it", None, (incident.looked_after_by,)))
    elif incident.open:
        lines.append(Line("Nobody has it yet"))
    shown = [run for run in known if not run.status.ended or run.status is RunStatus.SUCCEEDED]
    lines += [Line(f"“{run.plan.title}” is {run.status}", run.ended_at) for run in shown[:3]]
    return Answer(says, lines)
