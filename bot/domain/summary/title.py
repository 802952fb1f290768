"""The title of an incident: its cause and its reach in words: ``postgres-main is down: 5 services affected``."""

from collections.abc import Collection, Sequence

from bot.domain.cause import Cause, CauseKind
from bot.domain.incident import Tally, most_important
from bot.domain.inhibition import Folded, hosts_in
from bot.domain.summary.states import state_of

_MOST_NAMED = 2

_KINDS = {
    CauseKind.RESOURCE: ("{} is short of resources", "{} was short of resources"),
    CauseKind.STORAGE: ("{} is running out of storage", "{} ran out of storage"),
    CauseKind.DEPENDENCY: ("{} seems to fail", "{} seems to have failed"),
    CauseKind.CHANGE: ("{} was changed", "{} was changed"),
    CauseKind.DATA: ("the data of {} changed", "the data of {} changed"),
    CauseKind.MODEL: ("the model {} has changed", "the model {} had changed"),
    CauseKind.TRAFFIC: ("{} gets unusual traffic", "{} got unusual traffic"),
    CauseKind.UNKNOWN: ("{} seems to fail", "{} seems to have failed"),
}
"""What is wrong at a cause that has no alert which says so."""


def title_of(
    tallies: Sequence[Tally], before: str = "", causes: Sequence[Cause] = (), inhibited: Sequence[Folded] = ()
) -> str:
    """What broke and how far it reaches. ``tallies`` are those that are shown, and ``inhibited`` those that are not.

    Named is a host that is down, else the likely cause, else the most important alert: the one that the title named
    ``before`` as long as none is more severe, however many there are of another.
    """
    ranked = most_important(tallies)
    if not ranked:
        return before or "Incident"
    over = not ranked[0].active
    shown = ranked if over else [one for one in ranked if one.active]
    services = {one.service for one in shown} | {one.service for one in inhibited}
    if hosts := hosts_in(inhibited):
        return f"{_hosts(hosts, over)}{_reach(services - {*hosts, ''}, known=True)}"
    if causes:
        cause = causes[0]
        return f"{_cause(cause, shown, before, over)}{_reach(services - {cause.service, ''}, known=True)}"
    first = _first(shown, before)
    others = services - {first.service, ""}
    count = "" if others or first.service or len(shown) == 1 else f": {sum(one.alerts for one in shown)} alerts"
    return f"{_lead(first)}{count or _reach(others, known=False)}"


def _hosts(hosts: Sequence[str], over: bool) -> str:
    verb = "was" if over else "is"
    if len(hosts) == 1:
        return f"{hosts[0]} {verb} down"
    verb = "were" if over else "are"
    named = " and ".join(hosts) if len(hosts) <= _MOST_NAMED else f"{len(hosts)} hosts"
    return f"{named} {verb} down"


def _cause(cause: Cause, shown: Sequence[Tally], before: str, over: bool) -> str:
    """What the cause's own alerts say of it, or else what its kind says."""
    own = [one for one in shown if one.service == cause.service]
    telling = [one for one in own if state_of(one.name).now]
    if telling:
        said = _lead(_first(telling, before))
        return f"{said} after a change" if cause.kind is CauseKind.CHANGE else said
    if own and cause.kind in (CauseKind.UNKNOWN, CauseKind.DEPENDENCY):
        return _lead(_first(own, before))
    return _KINDS[cause.kind][over].format(cause.service)


def _first(shown: Sequence[Tally], before: str) -> Tally:
    equal = [one for one in shown if one.severity == shown[0].severity]
    return next((one for one in equal if any(_begins(before, said) for said in _both_leads(one))), shown[0])


def _begins(before: str, said: str) -> bool:
    return before == said or before.startswith((f"{said}:", f"{said} after"))


def _both_leads(tally: Tally) -> list[str]:
    state = state_of(tally.name)
    return [state.of(tally.service, over=over) for over in (False, True)]


def _lead(tally: Tally) -> str:
    return state_of(tally.name).of(tally.service, over=not tally.active)


def _reach(others: Collection[str], known: bool) -> str:
    """Who else is affected; ``known``: by what the title names, and not merely beside it."""
    if not others:
        return ""
    if len(others) == 1:
        return f": {next(iter(others))} {'affected' if known else 'affected too'}"
    return f": {len(others)} {'' if known else 'other '}services affected"
