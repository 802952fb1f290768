"""What forms are made of. https://docs.slack.dev/reference/block-kit/blocks/input-block"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.notify.slack.text import one_line

_MAX_OPTION = 75


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def choice(field: str, label: str, options: Sequence[tuple[str, str]], *, first: bool = False) -> dict[str, Any]:
    """A list to choose from: each option is a value and what is shown; ``first``: the first one is chosen already."""
    offered = listed(options)
    element: dict[str, Any] = {"type": "static_select", "action_id": "value", "options": offered}
    return field_of(field, label, element | ({"initial_option": offered[0]} if first else {}))


def search(field: str, label: str, action_id: str) -> dict[str, Any]:
    """A list of which Slack shows what the registered ``options`` find for what is typed; at first for nothing."""
    hint = plain("Type a number, or a part of the title")
    element = {"type": "external_select", "action_id": action_id, "min_query_length": 0, "placeholder": hint}
    return field_of(field, label, element)


def listed(options: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Values, each with what is shown, as Slack takes them."""
    return [{"text": plain(one_line(shown, _MAX_OPTION)), "value": value} for value, shown in options]


def field_of(field: str, label: str, element: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "input", "block_id": field, "label": plain(label), "element": dict(element)}


def modal(
    callback_id: str, channel_id: str, title: str, submit: str, blocks: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A form; the channel in which the answer will be shown travels with it."""
    return {
        "type": "modal",
        "callback_id": callback_id,
        "private_metadata": channel_id,
        "title": plain(title),
        "submit": plain(submit),
        "close": plain("Cancel"),
        "blocks": [dict(block) for block in blocks],
    }
