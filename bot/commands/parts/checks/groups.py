"""Whether Slack knows the user groups that tandem.yaml names: who is mentioned, who is in a team, who may do what."""

from slack_sdk.web.async_client import AsyncWebClient

from bot.commands.parts.checks.finding import Finding, Mark
from bot.commands.parts.checks.slack_answers import advice_for, asked
from bot.config import Config
from bot.domain.access.person import groups_in

_NAMED = 10


async def look_at_groups(client: AsyncWebClient, config: Config) -> Finding | None:
    """None where none is named. https://docs.slack.dev/reference/methods/usergroups.list"""
    mentioned = groups_in(one for route in config.routes for one in route.mention if isinstance(one, str))
    named = mentioned | config.policy.groups
    if not named:
        return None
    answer = await asked(client.usergroups_list)
    if isinstance(answer, str):
        return Finding(Mark.WARN, "user groups", answer, advice_for(answer))
    known = {str(group.get("id")) for group in answer.get("usergroups") or () if isinstance(group, dict)}
    unknown = sorted(named - known)
    if unknown:
        advice = "A group that was disabled or deleted reaches nobody: correct its id in tandem.yaml."
        return Finding(Mark.WARN, "user groups", f"Slack knows none of the id {', '.join(unknown[:_NAMED])}", advice)
    return Finding(Mark.OK, "user groups", f"Slack knows all {len(named)}")
