"""Silence on an incident: a form with matchers for what fires in it."""

import re2

from bot.domain.alert import Alert
from bot.domain.matcher import Matcher
from bot.errors import Refused
from bot.incidents import permissions
from bot.incidents.permissions import Action
from bot.incidents.reach import reach_of
from bot.storage.queries import alerts, incidents
from handlers.slack.calls import Click, OpenForm
from handlers.slack.forms.silence import Prefilled, silence_view
from handlers.slack.registry import action

_MOST = 500
_NAMES = 8
_NOT_NARROWING = {"alertname", "severity"}


@action("incident.silence")
async def silence(click: Click) -> OpenForm:
    """The form is opened for who may silence this incident's services; what is filled in is checked again."""
    async with click.database.read() as connection:
        incident = await incidents.by_id(connection, click.value)
        known = (await alerts.of_incidents(connection, [click.value], limit=_MOST))[click.value]
    if incident is None:
        raise Refused("This incident is not known here.")
    permissions.require(click.who, Action.SILENCE, incident)
    matchers = matchers_for([alert for alert in known if alert.active] or known)
    reach = await reach_of(click.database, matchers, click.now)
    reach_text = f"Matches {reach.firing} alert{'' if reach.firing == 1 else 's'} that fire now, {reach.in_words()}"
    return OpenForm(silence_view(click.channel, Prefilled(matchers, reach_text[:2000])))


def matchers_for(found: list[Alert]) -> list[Matcher]:
    """What these alerts have in common: their names, their service, and other labels that narrow it down."""
    if not found:
        return []
    names = sorted({alert.labels.get("alertname", "") for alert in found} - {""})
    matchers = []
    if len(names) == 1:
        matchers.append(Matcher("alertname", "=", names[0]))
    elif 1 < len(names) <= _NAMES:
        matchers.append(Matcher("alertname", "=~", "|".join(map(re2.escape, names))))
    shared = set(found[0].labels.items()).intersection(*(alert.labels.items() for alert in found[1:]))
    return matchers + [Matcher(name, "=", value) for name, value in sorted(shared) if name not in _NOT_NARROWING]
