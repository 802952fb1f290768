"""A tandem.yaml of what was read, with comments where a person must decide."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bot.commands.parts.alertmanager.receivers import slug_of
from bot.commands.parts.alertmanager.remarks import remark_on_matcher, unknown_severities
from bot.commands.parts.alertmanager.tree import Flat, Node, Receiver
from bot.integrations.http import printable

_HEAD = """\
# Made from {name} by `tandem import`. Lines with "decide:" wait for you; see docs/migrating.md.
# Alertmanager routes each group of alerts, Tandem each incident, by the labels that all its firing alerts share.
"""


def written(path: Path, root: Node, receivers: Mapping[str, Receiver], flat: Sequence[Flat]) -> str:
    used = [receivers[name] for name in dict.fromkeys([root.receiver, *(one.node.receiver for one in flat)])]
    parts = [
        _HEAD.format(name=printable(path.name)),
        *_slack(receivers[root.receiver]),
        *_severities(unknown_severities(root)),
        *_teams(flat),
        *_escalations(used),
        *_routes(flat, receivers),
    ]
    return "".join(parts)


def _slack(receiver: Receiver) -> Iterator[str]:
    """What no route matches goes where Alertmanager's first receiver sent it."""
    for remark in receiver.remarks if receiver.is_a_channel else ():
        yield _comment(f"decide: {remark}")
    if not receiver.channels:
        yield _comment(f"decide: receiver {receiver.name} has no channel of Slack")
    channel = receiver.channels[0] if receiver.channels else "#incidents"
    yield f"slack: {_flow({'channel': channel})}\n"


def _severities(words: Sequence[str]) -> Iterator[str]:
    """As comments: a level that is guessed would have a route take every incident of it."""
    if words:
        yield _comment("decide: how severe these are: critical, high, warning or info")
        yield _comment(f"severities: {_flow(dict.fromkeys(words, 'high'))}")


def _teams(flat: Sequence[Flat]) -> Iterator[str]:
    teams = dict.fromkeys(team for one in flat if (team := _team(one)))
    if teams:
        yield "teams:\n" + _comment("decide: which services each answers for, and who is in it", "  ")
    for team in teams:
        yield f"  {_flow(team)}: {{services: [], members: []}}\n"


def _team(one: Flat) -> str | None:
    named = [matcher.value for matcher in one.matchers if matcher.label == "team" and matcher.operator == "="]
    return slug_of(named[0]) if named and named[0] else None


def _escalations(used: Sequence[Receiver]) -> Iterator[str]:
    paging = [one for one in used if one.escalation]
    if paging:
        yield "escalations:\n"
    for one in paging:
        for remark in one.remarks:
            yield _comment(f"decide: {remark}", "  ")
        yield f"  {_flow(one.escalation)}:\n    steps:\n"
        for step in one.steps:
            yield f"      - {_flow(step)}\n"


def _routes(flat: Sequence[Flat], receivers: Mapping[str, Receiver]) -> Iterator[str]:
    if flat:
        yield "routes:\n"
    for one in flat:
        receiver = receivers[one.node.receiver]
        yield _comment(f"line {one.node.line}, receiver {receiver.name}", "  ")
        for text in _to_decide(one, receiver):
            yield _comment(f"decide: {text}", "  ")
        for route in routes_of(one, receiver):
            yield f"  - {_flow(route)}\n"


def _to_decide(one: Flat, receiver: Receiver) -> Iterator[str]:
    if receiver.silent:
        yield "Alertmanager notifies nobody; here it is shown in slack.channel"
    elif not receiver.channels:
        yield "no channel: it is shown in slack.channel"
    yield from one.node.intervals
    yield from (text for matcher in one.matchers if (text := remark_on_matcher(matcher)))
    if not receiver.escalation:
        yield from receiver.remarks


def routes_of(one: Flat, receiver: Receiver) -> Iterator[dict[str, Any]]:
    """A route for each channel; those before the last one go on."""
    channels = receiver.channels or (None,)
    for i, channel in enumerate(channels, start=1):
        route: dict[str, Any] = {
            "match": [str(matcher) for matcher in one.matchers],
            "channel": channel,
            "mention": list(receiver.mention),
            "escalation": receiver.escalation,
            "team": _team(one),
            "continue": one.goes_on or i < len(channels),
        }
        yield {key: value for key, value in route.items() if value} or {"continue": False}


def _comment(text: str, indent: str = "") -> str:
    return f"{indent}# {printable(text)}\n"


def _flow(value: Any) -> str:
    """A value in one line, as YAML."""
    dumped = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=2**31)
    return dumped.removesuffix("...\n").strip()
