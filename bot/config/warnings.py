"""Warnings about tandem.yaml: what is allowed, but is unlikely to do what was meant."""

import re
from collections.abc import Iterator

from bot.config.document import Document, Place
from bot.config.model import Config
from bot.config.nearest import nearest
from bot.config.oncall import warnings_of_on_call
from bot.config.routes import routes_never_matching
from bot.config.swallowed import empty_by_comment, is_channel, swallowed
from bot.config.topology import Graph
from bot.watches.models.alibi.missing import missing, missing_backend

_PLACEHOLDER = re.compile(r"\$\{[\w. /-]*\}")
_FILLED = ("steps", "rollback", "verify")


def warnings_of_config(config: Config, document: Document, graph: Graph) -> Iterator[str]:
    """A line for each warning, with its place; those of the topology apart."""
    found = (
        *_engines_missing(config),
        *_services_unknown(config, graph),
        *routes_never_matching(config, document),
        *warnings_of_on_call(config),
        *_placeholders_left(document),
        *((place, empty_by_comment(place, word)) for place, word in swallowed(document)),
    )
    yield from (f"{document.where(place)}: {text}" for place, text in found)


def channels_swallowed(config: Config, document: Document) -> Iterator[tuple[Place, str]]:
    """Channels that YAML took for comments, so that incidents would be shown in another one than is written."""
    for place, word in swallowed(document):
        if is_channel(place) and not (
            place[0] == "slack" and "ops_channel" not in place and word == config.slack.channel
        ):
            yield place, empty_by_comment(place, word)


def _engines_missing(config: Config) -> Iterator[tuple[Place, str]]:
    """Monitors of an engine that is not installed: those that Tandem makes itself go on."""
    for name, model in config.models.items():
        for i, monitor in enumerate(model.monitors):
            if monitor.engine == "alibi" and (reason := missing() or missing_backend(monitor)):
                yield ("models", name, "monitors", i, "engine"), reason


def _services_unknown(config: Config, graph: Graph) -> Iterator[tuple[Place, str]]:
    """Services of runbooks that no part of the topology names; where none is described, any name may be right."""
    known = {*graph.described, *(edge.other for edge in graph.edges)}
    for name, runbook in config.runbooks.items():
        service = runbook.when.service
        if known and service is not None and service not in known:
            text = f"{service!r} is described nowhere: the runbook is offered only if alerts name it"
            yield ("runbooks", name, "when", "service"), text + nearest(service, sorted(known))


def _placeholders_left(document: Document) -> Iterator[tuple[Place, str]]:
    """``${…}`` outside of steps: it stays as it is written."""
    for place, node in document.scalars():
        in_step = len(place) > 2 and place[0] == "runbooks" and place[2] in _FILLED
        found = _PLACEHOLDER.search(node.value)
        if found and not in_step and place[0] != "sources":
            yield place, f"{found[0]} is filled in only in the steps of a runbook; here it stays as it is written"
