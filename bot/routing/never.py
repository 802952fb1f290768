"""Routes that can never match: matchers that no incident fits, and routes before which another one takes everything."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from bot.domain.cause import CauseKind
from bot.domain.routing.decision import SEVERAL
from bot.domain.severity import Severity
from bot.routing.compiled import Compiled, Index
from bot.routing.predicate import Predicate

_WHOLE = {
    "severity": frozenset(severity.value for severity in Severity),
    "cause": frozenset({"", *(kind.value for kind in CauseKind)}),
}
"""All values that there are of a label."""
_ANYTHING = (".*", "(.*)")


class Never(NamedTuple):
    """Route ``place`` can never match; ``taken_by`` is the route before it that takes everything, or ``why`` says."""

    place: int
    why: str = ""
    taken_by: int | None = None


Needed = Mapping[str, Sequence[frozenset[str]]]
"""For each label sets of values: of each set an incident must have one. Labels whose values cannot be counted lack."""


def never_matching(routes: Sequence[Compiled]) -> Iterator[Never]:
    """Each such route, in order."""
    before = Index()
    for one in routes:
        needed = _needed(one.predicates)
        if why := _contradiction(one.predicates, needed):
            yield Never(one.place, why)
            continue
        shadow = next((other for other in _candidates(before, needed) if _covers(other, one, needed)), None)
        if shadow is not None:
            yield Never(one.place, taken_by=shadow.place)
        elif not one.route.goes_on:
            before.add(one)


def _needed(predicates: Collection[Predicate]) -> Needed:
    found: dict[str, Sequence[frozenset[str]]] = {"severity": [_WHOLE["severity"]]}
    for label in {one.label for one in predicates}:
        these = [one for one in predicates if one.label == label]
        found[label] = [one for one in _sets(label, these) if one is not None]
    return found


def _sets(label: str, predicates: Sequence[Predicate]) -> Iterator[frozenset[str] | None]:
    positive = [one for one in predicates if not one.negated]
    if label in SEVERAL:  # another value may be what another matcher asks for
        against = [one for one in predicates if one.negated]
        yield from (_filtered(_counted(label, [one]), [one, *against]) for one in positive)
    else:
        yield _filtered(_counted(label, positive), predicates)


def _counted(label: str, positive: Sequence[Predicate]) -> frozenset[str] | None:
    return _WHOLE.get(label) or next((one.values for one in positive if one.values is not None), None)


def _filtered(values: frozenset[str] | None, by: Collection[Predicate]) -> frozenset[str] | None:
    return values and frozenset(value for value in values if all(one.fits(value) is not one.negated for one in by))


def _contradiction(predicates: Collection[Predicate], needed: Needed) -> str:
    for label, sets in needed.items():
        if not all(sets):
            return "no incident fits " + " and ".join(str(one.source) for one in predicates if one.label == label)
    for one in predicates:
        if one.negated and one.source.value in _ANYTHING and one.values is None:
            return f"no incident fits {one.source}"
    return ""


def _candidates(before: Index, needed: Needed) -> list[Compiled]:
    """Routes that might take whatever needs this."""
    return before.candidates(lambda label: sorted({value for one in needed.get(label, ()) for value in one}))


def _covers(other: Compiled, one: Compiled, needed: Needed) -> bool:
    """Whether ``other`` matches whatever ``one`` matches."""
    return all(_implied(predicate, one.predicates, needed) for predicate in other.predicates)


def _implied(predicate: Predicate, by: Collection[Predicate], needed: Needed) -> bool:
    if not predicate.negated and predicate.values is None and predicate.source.value in _ANYTHING:
        return True
    if any(_follows(predicate, one) for one in by):
        return True
    if predicate.negated and predicate.label in SEVERAL:
        return False
    sets = needed.get(predicate.label, ())
    return any(all(predicate.fits(value) is not predicate.negated for value in one) for one in sets)


def _follows(predicate: Predicate, one: Predicate) -> bool:
    """Whether one matcher holds wherever the other does."""
    if (predicate.label, predicate.negated) != (one.label, one.negated):
        return False
    if predicate.values is None or one.values is None:
        return predicate.source == one.source
    return predicate.values <= one.values if one.negated else one.values <= predicate.values
