"""Resolve on an incident."""

from bot.errors import Refused
from bot.incidents import lifecycle
from bot.incidents.lifecycle import StillFiring
from handlers.slack.arguments import ANYWAY
from handlers.slack.calls import Click
from handlers.slack.registry import action


@action("incident.resolve")
async def resolve(click: Click) -> None:
    """The message asked about what fires where the value says so; messages of before did not."""
    incident_id, _, asked = click.value.partition(":")
    try:
        await lifecycle.resolve(click.database, incident_id, click.who, click.now, if_firing=bool(asked))
    except StillFiring as firing:
        raise Refused(f"{firing} `/incident resolve {firing.number} {ANYWAY}` resolves it all the same.") from firing
