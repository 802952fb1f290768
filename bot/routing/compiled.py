"""Routes made ready to decide: how long a decision takes does not depend on how many there are.

A route is looked at only where an incident has a value that one of its matchers asks for: the rarest such matcher of
each route is its index. Routes without one (only negations, or patterns that list no values) are looked at always.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from operator import attrgetter

import msgspec

from bot.domain.access.team import Teams
from bot.domain.routing.decision import Decision, Facts, Target
from bot.domain.routing.mention import Mention
from bot.domain.routing.quiet import QuietHours
from bot.domain.routing.route import Route
from bot.domain.severity import Severity
from bot.routing.predicate import Predicate, predicate_of

_KEPT = 5_000
"""Decisions that are kept: an incident is routed at each of its changes, mostly as before."""

_EMPTY = ("",)
_PLACE = attrgetter("place")

Values = Callable[[str], Sequence[str]]
"""The values that an incident has of a label."""


@dataclass(frozen=True)
class Compiled:
    """A route, its predicates, and the values of a label by which it is found, if there are any."""

    place: int
    route: Route
    predicates: tuple[Predicate, ...]
    index: Predicate | None = None

    def holds(self, values: Values) -> bool:
        for predicate in self.predicates:  # noqa: SIM110 - all(…) would cost more than what it asks
            if not predicate.holds(values(predicate.label)):
                return False
        return True


@dataclass(frozen=True)
class Index:
    """Compiled routes by label and value, and those that are always looked at."""

    always: list[Compiled] = field(default_factory=list)
    by_label: dict[str, dict[str, list[Compiled]]] = field(default_factory=dict)

    def add(self, one: Compiled) -> None:
        if one.index is None:
            self.always.append(one)
            return
        for value in one.index.values or ():
            self.by_label.setdefault(one.index.label, {}).setdefault(value, []).append(one)

    def candidates(self, values: Values) -> list[Compiled]:
        """In the order of tandem.yaml."""
        found = self.always.copy()
        for label, by_value in self.by_label.items():
            for value in values(label) or _EMPTY:
                if value in by_value:
                    found += by_value[value]
        if len(found) < 2:
            return found
        found.sort(key=_PLACE)
        return [one for one, before in zip(found, [None, *found], strict=False) if one is not before]


class Routes:
    """``channel`` is where an incident goes that no route names a channel for."""

    def __init__(
        self,
        routes: Sequence[Route],
        channel: str,
        teams: Teams | None = None,
        severities: Mapping[str, Severity] | None = None,
    ) -> None:
        self.teams = teams or Teams({})
        self.channel = channel
        self._severities = severities or {}
        self.all = compiled(routes, severities)
        self._decided: dict[tuple[tuple[int, ...], str | None], Decision] = {}
        self._index = Index()
        for one in self.all:
            self._index.add(one)
        self._asked = {predicate.label for one in self.all for predicate in one.predicates}

    @cached_property
    def digest(self) -> str:
        """Says whether other routes are the same as these."""
        teams = {name: team.services for name, team in self.teams.by_name.items()}
        words = sorted(self._severities.items())
        whole = [self.channel, [one.route.model_dump(mode="json") for one in self.all], teams, self.teams.owners, words]
        return sha256(msgspec.json.encode(whole)).hexdigest()[:16]

    @property
    def labels(self) -> frozenset[str]:
        """The labels of alerts that a decision depends on; where there are neither routes nor teams, none."""
        team = {"team"} if self.all or self.teams.by_name or self.teams.owners else set[str]()
        return frozenset({*self._asked, *team} - {"service", "severity", "source", "cause", "domain"})

    @property
    def asks_alerts(self) -> bool:
        """Whether a decision depends on more than what is known of the incident itself."""
        return bool(self.labels) or "source" in self._asked

    @property
    def channels(self) -> list[str]:
        """All that any incident may be shown in, the default one first."""
        named = (one.route.channel for one in self.all)
        return list(dict.fromkeys([self.channel, *(channel for channel in named if channel)]))

    def values_of(self, facts: Facts) -> Values:
        return _values(facts, self.teams_of(facts))

    def teams_of(self, facts: Facts) -> Sequence[str]:
        """The team that all alerts name, else those that answer for the services."""
        named = facts.labels.get("team")
        return (named,) if named else self.teams.of_services(facts.services)

    def decide(self, facts: Facts) -> Decision:
        teams = self.teams_of(facts)
        values = _values(facts, teams)
        taken: list[Compiled] = []
        for one in self._index.candidates(values):
            if one.holds(values):
                taken.append(one)
                if not one.route.goes_on:
                    break
        return self._decision(taken, teams)

    def _decision(self, taken: Sequence[Compiled], teams: Sequence[str]) -> Decision:
        team = next((one.route.team for one in taken if one.route.team), None) or next(iter(teams), None)
        places = tuple([one.place for one in taken])
        known = self._decided.get((places, team))
        if known is None:
            known = self._decided[places, team] = self._made(taken, team, places)
            while len(self._decided) > _KEPT:
                del self._decided[next(iter(self._decided))]
        return known

    def _made(self, taken: Sequence[Compiled], team: str | None, places: tuple[int, ...]) -> Decision:
        if not taken:
            return Decision((Target(self.channel),), team)
        targets: dict[str, dict[Mention, None]] = {}
        quiet: dict[str, list[QuietHours | None]] = {}
        for one in taken:
            channel = one.route.channel or self.channel
            targets.setdefault(channel, {}).update(dict.fromkeys(one.route.mention))
            quiet.setdefault(channel, []).append(one.route.quiet)
        return Decision(
            tuple(Target(channel, tuple(mention), _all_of(quiet[channel])) for channel, mention in targets.items()),
            team,
            next((one.route.escalation for one in taken if one.route.escalation), None),
            places,
        )


def _all_of(quiet: Sequence[QuietHours | None]) -> tuple[QuietHours, ...]:
    """Nothing where one of several routes to a channel has none."""
    known = tuple(one for one in quiet if one is not None)
    return known if len(known) == len(quiet) else ()


def compiled(routes: Sequence[Route], severities: Mapping[str, Severity] | None = None) -> list[Compiled]:
    """Each route with its rarest matcher as its index."""
    predicates = [tuple(predicate_of(one, severities) for one in route.matchers) for route in routes]
    common = Counter((one.label, value) for of_route in predicates for one in of_route for value in _found_by(one))
    found = []
    for place, (route, of_route) in enumerate(zip(routes, predicates, strict=True)):
        possible = [one for one in of_route if _found_by(one)]
        index = min(possible, key=lambda one: sum(common[one.label, value] for value in _found_by(one)), default=None)
        found.append(Compiled(place, route, of_route, index))
    return found


def _found_by(predicate: Predicate) -> Iterable[str]:
    """The values of which an incident must have one, if they can be counted."""
    return () if predicate.negated else predicate.values or ()


def _values(facts: Facts, teams: Sequence[str]) -> Values:
    """What stands beside labels under names of its own (``SHARED``) comes first."""
    shared: dict[str, Sequence[str]] = {
        "severity": (facts.severity.value,),
        "service": facts.services,
        "source": facts.sources,
        "cause": facts.causes,
        "domain": (facts.domain,),
        "team": teams,
    }
    labels = facts.labels

    def values(label: str) -> Sequence[str]:
        found = shared.get(label)
        if found is not None:
            return found
        value = labels.get(label)
        return () if value is None else (value,)

    return values
