"""``/incident report 12``"""

from bot.errors import Refused
from bot.incidents.report import load, report_of
from bot.notify.slack.text import link
from bot.storage.queries.shown import channel_messages
from handlers.slack.arguments import incident_of
from handlers.slack.calls import Call
from handlers.slack.registry import command


@command("report", args="12", help="its post-incident report, as a Markdown file in its thread", place=8)
async def report(call: Call) -> str:
    incident = await incident_of(call)
    if call.endpoint.files is None:
        raise Refused(f"There is no Slack to put a file into: GET /api/incidents/{incident.number}/report.md has it.")
    async with call.database.read() as connection:
        told = await load(connection, incident, call.now)
        places = await channel_messages.places_of(connection, [incident.id])
    channel, thread = places.get(incident.id, (call.channel, ""))
    name, title = f"incident-{incident.number}.md", f"Report of incident #{incident.number}"
    await call.endpoint.files.share(report_of(told), name, title, channel, thread)
    urls = await call.endpoint.links.of(places) if call.endpoint.links and places else {}
    where = link(urls.get(incident.id, ""), "its thread") or ("its thread" if thread else "this channel")
    return f"The report of incident #{incident.number} is in {where}: a Markdown file, to be edited or put in a wiki."
