"""Why a route takes an incident, or does not, in words: for ``tandem routes``."""

from collections.abc import Iterator, Mapping, Sequence

from bot.domain.cause import CauseKind
from bot.domain.matcher import parse_matchers
from bot.domain.routing.decision import Decision, Facts
from bot.domain.severity import Severity, known_severity
from bot.routing.compiled import Compiled, Routes, Values


def facts_from(text: str, severities: Mapping[str, Severity] | None = None) -> Facts:
    """Facts as people write them: ``team=shop,severity=critical``. Raises ValueError."""
    labels: dict[str, str] = {}
    several: dict[str, list[str]] = {"service": [], "source": []}
    for one in parse_matchers(text):
        if one.operator != "=":
            raise ValueError(f"{one}: write a value, as in {one.label}=value")
        if one.label in several:
            several[one.label].append(one.value)
        labels[one.label] = one.value
    word, cause = labels.pop("severity", "warning"), labels.pop("cause", "")
    if cause and cause not in set(CauseKind):
        raise ValueError(f"cause={cause}: known are {', '.join(CauseKind)}")
    severity = known_severity(word, severities)
    if severity is None:
        raise ValueError(f"severity={word}: known are {', '.join(Severity)}, and words such as P1 and SEV-0")
    return Facts(
        severity=severity,
        services=several["service"],
        sources=several["source"],
        cause=CauseKind(cause) if cause else None,
        domain=labels.pop("domain", ""),
        labels=labels,
    )


def explained(routes: Routes, facts: Facts) -> Iterator[str]:
    """A line for each route that takes it, with what matched, after those before it that do not."""
    decision, values = routes.decide(facts), routes.values_of(facts)
    last = decision.routes[-1] if decision.routes else len(routes.all)
    for one in routes.all[: last + 1]:
        yield f"{name_of(one.place)}: " + (_taken(one) if one.holds(values) else _left(one, values))
    if not decision.routes:
        yield f"no route matches: it goes to slack.channel, {routes.channel}"


def outcome(decision: Decision) -> Iterator[str]:
    for target in decision.targets:
        whom = f", mentions {', '.join(map(str, target.mention))}" if target.mention else ""
        quiet = "".join(f", quiet from {one.in_words()}" for one in target.quiet)
        yield f"channel {target.channel}{whom}{quiet}"
    yield f"team {decision.team}" if decision.team else "no team"
    yield f"escalation {decision.escalation}" if decision.escalation else "no escalation"


def name_of(place: int) -> str:
    """A route by its place, as errors name it."""
    return f"routes.{place}"


def _taken(one: Compiled) -> str:
    why = " and ".join(str(predicate.source) for predicate in one.predicates) or "it has no matchers"
    on = "; the routes after it are looked at, too" if one.route.goes_on else ""
    return f"takes it ({why}){on}"


def _left(one: Compiled, values: Values) -> str:
    predicate = next(predicate for predicate in one.predicates if not predicate.holds(values(predicate.label)))
    has: Sequence[str] = values(predicate.label)
    found = " and ".join(f"{predicate.label}={value}" for value in has) if any(has) else f"it has no {predicate.label}"
    return f"does not match: {predicate.source}, but {found}"
