"""Alertmanager's route tree as a list in which the first match decides, and those before it that say ``continue``.

Alertmanager goes down the tree: of the children of a route that matches the first one that does decides, and with
``continue`` those after it, too; where none does, the route itself. So for a list:

- What stands below a route gets its matchers, too, and comes before it.
- A child with ``continue`` whose later siblings do not match must keep its parent and all that follows from being
  looked at: it stands a second time, after its siblings and without ``continue``. That adds no channel and no mention.
- Below a route with ``continue`` nothing may end the list. There each route also asks that what would have kept
  Alertmanager from it does not match.

https://prometheus.io/docs/alerting/latest/configuration/#route
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from bot.commands.parts.alertmanager.matchers import Conjunction, together, without
from bot.commands.parts.alertmanager.tree import Flat, Node, Receiver
from bot.errors import TandemError

MOST = 5_000
"""Routes that are written at most."""
_MATCHERS = 50
"""What a route may have at most, see bot/domain/routing/route.py."""


def outcomes_in_order(root: Node, receivers: Mapping[str, Receiver]) -> list[Flat]:
    """The routes to write. Raises TandemError where there would be too many.

    What no route matches goes to ``slack.channel``, so a root that is no more than a channel needs none.
    """
    every: Iterator[Flat]
    if receivers[root.receiver].is_a_channel:
        every = (one for child in root.children for one in _flattened(child, (), child.goes_on))
    else:
        every = _flattened(root, (), False)
    found = [one for one in islice(every, MOST + 1) if not _adds_nothing(one, receivers)]
    if len(found) > MOST:
        raise TandemError(f"this route tree would take more than {MOST} routes without a tree: import it in parts")
    for one in found:
        if len(one.matchers) > _MATCHERS:
            text = f"line {one.node.line}: this route would need more than {_MATCHERS} matchers without the tree"
            raise TandemError(f"{text}; leave `continue` of a route above it out, and import again")
    return found


def _adds_nothing(one: Flat, receivers: Mapping[str, Receiver]) -> bool:
    """Without a channel and with nothing else, what goes on says what no route would say."""
    return one.goes_on and not receivers[one.node.receiver].channels and receivers[one.node.receiver].is_a_channel


def _flattened(node: Node, above: Conjunction, goes_on: bool) -> Iterator[Flat]:
    """``goes_on``: whether Alertmanager looks on after this node has matched."""
    matchers = together([*above, *node.matchers])
    if matchers is None:
        return
    if not node.children:
        yield Flat(node, matchers, goes_on)
    elif goes_on:
        yield from _side_by_side(node, matchers)
    else:
        yield from _one_after_the_other(node, matchers)


def _one_after_the_other(node: Node, matchers: Conjunction) -> Iterator[Flat]:
    again: list[Flat] = []
    for following, child in enumerate(node.children, start=1):
        goes_on = child.goes_on and following < len(node.children)
        for one in _flattened(child, matchers, goes_on):
            yield one
            if goes_on:
                again.append(replace(one, goes_on=False))
    yield from again
    yield Flat(node, matchers)


def _side_by_side(node: Node, matchers: Conjunction) -> Iterator[Flat]:
    looked_on = unmatched = [matchers]
    for child in node.children:
        for case in looked_on:
            yield from _flattened(child, case, True)
        if not child.goes_on:
            looked_on = without(looked_on, child.matchers)
        unmatched = without(unmatched, child.matchers)
        if max(len(looked_on), len(unmatched)) > MOST:
            raise TandemError(f"line {node.line}: below this route with `continue` there would be more than {MOST}")
    for case in unmatched:
        yield Flat(node, case, True)
