"""“Not useful” on an incident that a watch raised."""

from bot.incidents import feedback
from handlers.slack.calls import Click
from handlers.slack.registry import action


@action("alert.not_useful")
async def not_useful(click: Click) -> None:
    incident_id, _, identity = click.value.partition(":")
    await feedback.not_useful(click.database, click.endpoint.watched, incident_id, identity, click.who, click.now)
