"""Who is on call?"""

from bot.domain.access.person import schedule_of
from bot.questions.question import MOST_LINES, Answer, Asked, Line, question
from bot.routing.schedules.roster import NowOnCall, notes_of


@question(
    "oncall",
    label="Who is on call?",
    phrases={
        r"on ?-?call": 4,
        r"whom? (should|do|can|could|must|to) (i |we )?(call|page|wake|ping|contact|escalate|reach|notify)": 5,
        r"who (is|are) (on duty|responsible|paged)": 5,
        r"(pager|rota|roster|duty|schedule|shift)": 2,
        r"which team|what team|whose (service|team)": 3,
    },
    place=50,
)
async def on_call(asked: Asked) -> Answer:
    roster, incident = asked.knowledge.roster, asked.incident
    if roster is None or not roster.schedules:
        return Answer(
            "No schedule is described, so who is on call is not known: `schedules` in tandem.yaml names them."
        )
    found = await roster.now()
    teams = asked.knowledge.rules.teams.of_incident(incident.team, asked.services or incident.services)
    members = asked.knowledge.rules.teams.members_of(teams)
    own = [name for member in members if (name := schedule_of(member)) and name in found]
    own += [name for name in (incident.escalation, incident.team) if name and name in found and name not in own]
    shown = [found[name] for name in own] or list(found.values())
    says = f"On call for {', '.join(teams)} now:" if own and teams else "On call now:"
    if not own and len(found) > 1:
        says = "No schedule is this incident's own. On call now, in each schedule:"
    return Answer(says, [_line(one) for one in shown[:MOST_LINES]])


def _line(one: NowOnCall) -> Line:
    """A line begins with its people, where there are some."""
    until = f", until {one.turn.until:%Y-%m-%d %H:%M} UTC" if one.turn.until else ""
    doubts = "".join(f"; {note}" for note in notes_of(one))
    if not one.people:
        who = f"{', '.join(one.unknown)} (not found in Slack)" if one.unknown else "nobody"
        return Line(f"{one.schedule}: {who}{until}{doubts}")
    also = f" with {', '.join(one.unknown)} (not found in Slack)" if one.unknown else ""
    return Line(f"on call in {one.schedule}{also}{until}{doubts}", people=one.people)
