"""Whatever else is written to the bot: how the incident of the thread stands."""

from bot.notify.slack.text import one_line, when
from handlers.slack.calls import Mention
from handlers.slack.incidents import title_of
from handlers.slack.registry import ANYTHING, mention
from handlers.slack.reply import Reply


@mention(ANYTHING)
async def ask(mention: Mention) -> Reply:
    incident = mention.incident
    if incident is None:
        return Reply("Mention me in the thread of an incident.")
    state = f"{incident.status}, {incident.severity}, since {when(incident.opened_at)}"
    return Reply(f"*{title_of(incident)}*\n{state}\n{one_line(incident.summary, 600)}")
