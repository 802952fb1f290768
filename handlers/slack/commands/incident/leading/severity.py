"""``/incident severity 12 high``"""

from bot.incidents import ownership
from handlers.slack.arguments import incident_of, severity_in
from handlers.slack.calls import Call
from handlers.slack.registry import command

AUTO = "auto"


@command(
    "severity",
    args="12 high",
    help="set its severity, which holds whatever its alerts say",
    more={"12 auto": "let its severity follow its alerts again"},
    place=4,
)
async def severity(call: Call) -> str:
    number, _, word = call.text.partition(" ")
    incident = await incident_of(call, number)
    wanted = None if word.strip().lower() == AUTO else severity_in(call, word)
    changed = await ownership.set_severity(call.database, incident.id, wanted, call.who, call.now)
    said = changed.alerts_severity
    unlike = f" Its alerts say {said}." if said and said is not changed.severity else ""
    return f"Incident #{changed.number} is {changed.severity} now.{unlike}"
