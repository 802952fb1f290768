"""What is wrong with ``routes``: names that nothing in tandem.yaml bears, and routes that can never match."""

from collections.abc import Collection, Iterator

from bot.config.document import Document, Place
from bot.config.model import Config
from bot.config.nearest import nearest
from bot.domain.routing.mention import OnCall
from bot.routing.compiled import compiled
from bot.routing.never import never_matching


def problems_of_routes(
    config: Config, schedules: Collection[str] = (), escalations: Collection[str] = ()
) -> Iterator[tuple[Place, str]]:
    """``schedules`` and ``escalations`` are the names of those that tandem.yaml describes."""
    for i, route in enumerate(config.routes):
        if route.team is not None and route.team not in config.teams:
            yield ("routes", i, "team"), _unknown("team", route.team, config.teams)
        if route.escalation is not None and route.escalation not in escalations:
            yield ("routes", i, "escalation"), _unknown("escalation", route.escalation, escalations)
        for n, mention in enumerate(route.mention):
            if isinstance(mention, OnCall) and mention.schedule not in schedules:
                yield ("routes", i, "mention", n, "schedule"), _unknown("schedule", mention.schedule, schedules)


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    return f"there is no {what} {name!r}" + (nearest(name, known) or (f": {what}s has none" if not known else ""))


def routes_never_matching(config: Config, document: Document) -> Iterator[tuple[Place, str]]:
    for one in never_matching(compiled(config.routes, config.severity_words)):
        if one.taken_by is None:
            yield ("routes", one.place, "match"), f"this route can never match: {one.why}"
            continue
        line = document.line_of(("routes", one.taken_by))
        taken = f"routes.{one.taken_by} (line {line}) takes whatever it would; put it first, or let that one continue"
        yield ("routes", one.place), f"this route can never match: {taken}"
