"""Who did something in Slack, with what is known of them at that moment."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.domain.access.person import Person, groups_in
from bot.incidents.permissions import Actor
from handlers.slack.calls import SlackEndpoint
from handlers.slack.origin import is_external


async def actor_in(body: Mapping[str, Any], endpoint: SlackEndpoint) -> Actor:
    """Whoever clicked, typed or filled in. What Slack does not say about them is in their ``doubt``."""
    user = str(body["user"]["id"] if "user" in body else body["user_id"])
    home = endpoint.origins.home if endpoint.origins else None
    if endpoint.people is None or home is None:
        return Actor(Person(user), endpoint.policy)
    person = await endpoint.people.person(user, _groups_that_matter(endpoint), home.members_of)
    if is_external(body, home):
        person = replace(person, member=False)
    return Actor(person, endpoint.policy)


async def actor_of_event(body: Mapping[str, Any], event: Mapping[str, Any], endpoint: SlackEndpoint) -> Actor:
    """Whoever an event is about. It names their workspace where that is not the one it was sent for."""
    team = event.get("user_team") or event.get("team")
    return await actor_in({**body, "user": {"id": _user_of(body, event), "team_id": team}}, endpoint)


def _user_of(body: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """Some events have it in what they are about, and some only in whose behalf they were sent."""
    pane = event.get("assistant_thread")
    found = event.get("user") or (pane.get("user_id") if isinstance(pane, Mapping) else "")
    sent_for = (one.get("user_id") for one in body.get("authorizations") or () if one.get("is_bot") is False)
    return str(found or next(sent_for, "") or "")


def _groups_that_matter(endpoint: SlackEndpoint) -> set[str]:
    approvers = (name for book in endpoint.runbooks.values() for name in book.approval.approvers)
    return endpoint.policy.groups | groups_in([*approvers, *endpoint.guards.rules.glass_breakers])
