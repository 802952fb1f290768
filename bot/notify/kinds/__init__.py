"""The kinds of channels: one file a kind, which registers how a channel of that kind is opened.

An address is ``kind:rest``, as in ``file:/var/log/incidents.jsonl``; without a kind it names a Slack channel.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from bot.errors import ConfigError
from bot.notify.channel import Channel

DEFAULT = "slack"


@dataclass(frozen=True)
class Opening:
    """What a channel may need to be opened: the clients of the tools, by kind, that the process has already.

    ``may`` says whether this replica may speak to the channel now; the channel asks before each call. What is
    ``urgent`` comes before all else that waits for its turn.
    """

    clients: Mapping[str, Any] = field(default_factory=dict)
    may: Callable[[], bool] = lambda: True
    urgent: bool = False


Open = Callable[[str, Opening], Channel]

_KINDS: dict[str, Open] = {}


def channel_kind(name: str) -> Callable[[Open], Open]:
    """Register what opens a channel of this kind; it gets the address without the kind."""

    def register(opens: Open) -> Open:
        _KINDS[name] = opens
        return opens

    return register


def open_channel(address: str, opening: Opening) -> Channel:
    """The channel at an address. Raises ConfigError where there is no such kind."""
    kind, separator, rest = address.partition(":")
    if not separator:
        kind, rest = DEFAULT, address
    _discover()
    if kind not in _KINDS:
        raise ConfigError(
            f"channel {address}: there is no channel of the kind {kind}; known are {', '.join(sorted(_KINDS))}"
        )
    return _KINDS[kind](rest, opening)


@cache
def _discover() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
