"""Reads the route tree of an Alertmanager configuration, with the lines on which things stand."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import islice, product
from pathlib import Path
from typing import Any

from bot.commands.parts.alertmanager.matchers import alternatives, matcher_of, read_matchers, together
from bot.commands.parts.alertmanager.notes import Notes
from bot.commands.parts.alertmanager.tree import Node
from bot.config.document import Document, Place, read_words
from bot.domain.matcher import Matcher, Operator
from bot.errors import ConfigError

_DEEPEST = 50
_MOST = 5_000
_YES = frozenset({"true", "yes", "on", "y"})
_OLD: dict[str, Operator] = {"match": "=", "match_re": "=~"}
_INTERVALS = {"mute_time_intervals": "muted during", "active_time_intervals": "active only during"}
_GROUPING = ("group_by", "group_wait", "group_interval", "repeat_interval")
_KNOWN = frozenset({"receiver", "continue", "routes", "matchers", "object_matchers", *_OLD, *_INTERVALS, *_GROUPING})


def read_alertmanager(path: Path) -> Document:
    """Raises ConfigError where it is no such configuration."""
    document = read_words(path)
    route = document.value.get("route")
    if not isinstance(route, dict) or not isinstance(route.get("receiver"), str):
        raise ConfigError(f"{document.where(('route',))}: this is no configuration of Alertmanager: no route, receiver")
    return document


class Reader:
    def __init__(self, document: Document, notes: Notes) -> None:
        self._document, self._notes = document, notes
        self._routes = 0

    def root(self) -> Node:
        """Raises ConfigError with file, line and key of what no route can say."""
        root = self._node(self._document.value["route"], ("route",), "")
        if root.matchers:
            raise self._error(root.place, "the route at the top matches everything: it has no matchers")
        return root

    def check_receivers(self, root: Node, known: Collection[str]) -> None:
        """Raises ConfigError for a receiver that is named and not described."""
        for node in nodes_of(root):
            if node.receiver not in known:
                raise self._error((*node.place, "receiver"), f"there is no receiver {node.receiver!r}")

    def _node(self, value: Any, place: Place, above: str) -> Node:
        self._routes += 1
        if len(place) > 2 * _DEEPEST or self._routes > _MOST:
            raise self._error(place, f"more than {_MOST} routes, or {_DEEPEST} below each other")
        if not isinstance(value, dict):
            raise self._error(place, "a route is a mapping")
        receiver = str(value.get("receiver") or above)
        for key in value.keys() - _KNOWN:
            self._notes.add((*place, key), "is no key of a route that is known here; it is left out")
        children = value.get("routes") or []
        if not isinstance(children, list):
            raise self._error((*place, "routes"), "routes are a list")
        return Node(
            place=place,
            line=self._document.line_of(place),
            receiver=receiver,
            matchers=tuple(self._matchers(value, place)),
            goes_on=str(value.get("continue", "")).lower() in _YES,
            children=tuple(
                one
                for i, child in enumerate(children)
                for one in _with_short_patterns(self._node(child, (*place, "routes", i), receiver))
            ),
            intervals=tuple(_intervals(value)),
        )

    def _matchers(self, value: Mapping[str, Any], place: Place) -> Iterator[Matcher]:
        """In the old notation, the new one, and that of Grafana's files."""
        for key, operator in _OLD.items():
            for label, wanted in _mapping(value.get(key)):
                try:
                    yield matcher_of(label, operator, wanted)
                except ValueError as error:
                    raise self._error((*place, key, label), str(error)) from error
        for i, text in enumerate(_texts(value.get("matchers"))):
            try:
                yield from read_matchers(text)
            except ValueError as error:
                raise self._error((*place, "matchers", i), str(error)) from error
        for i, parts in enumerate(value.get("object_matchers") or []):
            try:
                label, operator, wanted = parts
                yield from read_matchers(str(Matcher(label, operator, wanted)))
            except ValueError as error:
                raise self._error((*place, "object_matchers", i), str(error)) from error

    def _error(self, place: Place, why: str) -> ConfigError:
        return ConfigError(f"{self._document.where(place)}: {why}")


def _with_short_patterns(node: Node) -> Iterator[Node]:
    """A node for each way in which it can match: siblings with the same receiver decide what the one decided."""
    ways = product(*(alternatives(one) for one in node.matchers))
    for way in islice(ways, _MOST):
        matchers = together(one for part in way for one in part)
        if matchers is not None:
            yield replace(node, matchers=matchers)


def nodes_of(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from nodes_of(child)


def _intervals(value: Mapping[str, Any]) -> Iterator[str]:
    for key, words in _INTERVALS.items():
        if names := _texts(value.get(key)):
            yield f"{words} {', '.join(names)}"


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    return [str(one) for one in value] if isinstance(value, list) else []


def _mapping(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        yield from ((str(label), str(wanted)) for label, wanted in value.items())
