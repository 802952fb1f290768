"""What is made beside incidents: channels of their own."""

from collections.abc import Sequence
from functools import partial

from bot.components.component import Component
from bot.components.process import Process
from bot.components.routes import ROLE
from bot.components.slack import Slack
from bot.domain.incident import Incident
from bot.notify.own_channels.keeping import OwnChannels
from bot.notify.slack.channel import SlackChannel
from bot.notify.slack.conversations.making import SlackConversations
from bot.routing.schedules.roster import Roster, resolve


def own_channels_component(process: Process, slack: Slack, roster: Roster) -> Component:
    services = process.services.under(ROLE)
    may = partial(process.services.holds, ROLE)
    conversations = SlackConversations(slack.client, lambda: slack.identity.bot.user if slack.identity.bot else "", may)

    async def on_call(incident: Incident) -> Sequence[str]:
        """Those of its escalation's steps."""
        rules = process.config.escalations.get(incident.escalation or "")
        names = [one for step in rules.steps for one in step.people] if rules else []
        return resolve(names, await roster.now()).names if names else []

    channels = OwnChannels(
        services.database,
        conversations,
        lambda channel: SlackChannel(slack.client, channel, may),
        on_call,
        services.clock,
    )
    services.broadcast.on_change(channels.wake)
    return Component("channels of incidents' own", run=channels.run, role=ROLE)
