"""``/incident report 12``"""

from handlers.slack.arguments import incident_of
from handlers.slack.calls import Call, OpenForm
from handlers.slack.forms.report import open_report, post_report
from handlers.slack.registry import command


@command(
    "report",
    args="12",
    help="its post-incident report with charts, as a Markdown file in its thread",
    more={"12 edit": "write its summary, impact and lessons first, in a form"},
    place=8,
)
async def report(call: Call) -> str | OpenForm:
    number, _, word = call.text.partition(" ")
    if word.strip().lower() != "edit":
        return await post_report(call, await incident_of(call), call.channel)
    incident = await incident_of(call, number)
    return await open_report(call, incident, f"{call.channel} {incident.id}")
