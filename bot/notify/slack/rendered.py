"""A message in Slack's form: text and blocks."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from slack_sdk.models.blocks import Block


class Rendered(NamedTuple):
    """``text`` is what notifications and screen readers get, and all there is where ``blocks`` is empty."""

    text: str
    blocks: list[dict[str, Any]]


def rendered(text: str, blocks: Sequence[Block]) -> Rendered:
    """Raises SlackObjectFormationError where a block breaks one of Slack's rules."""
    return Rendered(text, [block.to_dict() for block in blocks])
