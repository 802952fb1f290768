"""Which people of Slack the names in schedules stand for."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from bot.domain.access.person import SlackId, is_user

People = dict[Annotated[str, Field(min_length=1, max_length=200)], SlackId]
"""Slack ids by display name or e-mail address, as ``people`` of tandem.yaml gives them."""


def mapped(name: str, people: Mapping[str, str]) -> list[str]:
    """Who a name is, by ``people``: itself where it is an id, the entry of that name, or all whose names it holds.

    >>> mapped("On call: Ada, Ben", {"ada": "U0ADA", "Ben": "U0BEN", "Be": "U0BE1"})
    ['U0ADA', 'U0BEN']
    """
    if is_user(name):
        return [name]
    folded = {known.casefold(): who for known, who in people.items()}
    if (exact := folded.get(name.casefold().strip())) is not None:
        return [exact]
    held = [who for known, who in folded.items() if re.search(rf"(?<!\w){re.escape(known)}(?!\w)", name.casefold())]
    return list(dict.fromkeys(held))


def is_address(name: str) -> bool:
    """Whether a name is an e-mail address, by which Slack may know somebody."""
    return re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@]+", name) is not None
