"""What a whole configuration of Alertmanager has that tandem.yaml says in another way, or not at all."""

from collections.abc import Mapping, Sequence
from itertools import combinations, islice
from typing import Any

from bot.commands.parts.alertmanager.matchers import together
from bot.commands.parts.alertmanager.notes import Notes
from bot.commands.parts.alertmanager.reading import nodes_of
from bot.commands.parts.alertmanager.tree import Flat, Node, Receiver
from bot.domain.matcher import Matcher
from bot.domain.routing.decision import SHARED
from bot.domain.severity import Severity, known_severity
from bot.routing.predicate import predicate_of

_SECTIONS = {
    "inhibit_rules": "not carried over: Alertmanager goes on applying them, and sends Tandem what is left",
    "time_intervals": "not carried over: write what mutes as `maintenance`, and nights as an escalation's own",
    "mute_time_intervals": "not carried over: write what mutes as `maintenance`",
    "templates": "not carried over: Tandem words its message itself",
}
_ALWAYS = ("service", "severity", "team")
_PAIRS = 20_000
"""Of routes that are compared."""


def remark_on_file(value: Mapping[str, Any], notes: Notes) -> None:
    for section, text in _SECTIONS.items():
        if value.get(section):
            notes.add((section,), text)
    if _grouped(value.get("route")):
        text = "group_by, group_wait, group_interval and repeat_interval are not carried over: see correlation"
        notes.add(("route",), text)


def _grouped(route: Any) -> bool:
    if not isinstance(route, dict):
        return False
    children = route.get("routes")
    grouping = any(key.startswith("group_") or key == "repeat_interval" for key in route)
    return grouping or (isinstance(children, list) and any(map(_grouped, children)))


def remark_on_routes(flat: Sequence[Flat], receivers: Mapping[str, Receiver], root: Node, notes: Notes) -> None:
    for node in nodes_of(root):
        for text in node.intervals:
            notes.add(node.place, f"{text}: not carried over; write it as `maintenance` where nobody is to be called")
        for one in node.matchers:
            if text := remark_on_matcher(one):
                notes.add(node.place, text)
        receiver = receivers[node.receiver]
        if receiver.silent:
            text = f"receiver {node.receiver} notifies nobody; here its incidents are shown in slack.channel, too"
            notes.add(node.place, f"{text}: have Alertmanager not send them")
        elif not receiver.channels:
            notes.add(node.place, f"receiver {node.receiver} has no channel: its incidents are shown in slack.channel")
    _remark_on_escalations(flat, receivers, notes)


def remark_on_matcher(matcher: Matcher) -> str:
    """Where a label of this name is not what a route of tandem.yaml sees under it; else empty."""
    if matcher.label == "severity":
        return _remark_on_severity(matcher)
    if matcher.label in SHARED and matcher.label not in _ALWAYS:
        return f"{matcher}: a route sees the incident's own {matcher.label}, not the label: use another label"
    return ""


def _remark_on_severity(matcher: Matcher) -> str:
    predicate = predicate_of(matcher)
    if predicate.values is None:
        return f"{matcher}: it is matched against {', '.join(Severity)}, and not against the words of your alerts"
    if "" in predicate.values:
        return f"{matcher}: no incident is without a severity; an alert without one is a warning"
    words = [word for word in _words(matcher) if known_severity(word) is None]
    if words:
        return f"{matcher}: say how severe {', '.join(words)} is under `severities`; until then no incident has it"
    others = [word for word in _words(matcher) if word not in set(Severity)]
    named = ", ".join(f"{word} is {known_severity(word)}" for word in others)
    return f"{matcher}: Tandem has four severities; {named}, like every other word for it" if named else ""


def _words(matcher: Matcher) -> list[str]:
    if matcher.operator in ("=", "!="):
        return [matcher.value]
    return [word for word in matcher.value.strip("()").split("|") if word]


def unknown_severities(root: Node) -> list[str]:
    """Words of matchers for which ``severities`` needs a level."""
    found = {}
    for node in nodes_of(root):
        for one in node.matchers:
            if one.label == "severity" and predicate_of(one).values is not None:
                found.update(dict.fromkeys(word for word in _words(one) if word and known_severity(word) is None))
    return list(found)


def _remark_on_escalations(flat: Sequence[Flat], receivers: Mapping[str, Receiver], notes: Notes) -> None:
    """An incident has one escalation, that of the first of its routes that names one."""
    paging = [one for one in flat if receivers[one.node.receiver].escalation]
    pairs = ((first, other) for first, other in combinations(paging, 2) if first.goes_on)
    for first, other in islice(pairs, _PAIRS):
        names = [receivers[one.node.receiver].escalation for one in (first, other)]
        if names[0] != names[1] and together([*first.matchers, *other.matchers]) is not None:
            text = f"what also matches line {other.node.line} has the escalation {names[0]} alone, and not {names[1]}"
            notes.add(first.node.place, f"{text}: add its steps to {names[0]}")
    if next(pairs, None):
        notes.add(("route",), f"only the first {_PAIRS} pairs of receivers that page were compared")
