"""One file a form: how it looks, and what becomes of it once it was filled in."""

from collections.abc import Mapping
from typing import Any

from handlers.slack.calls import Click

MAX_ERROR = 150
"""What Slack shows of an error at a field."""


class BadFields(Exception):
    """What was filled in cannot be used; ``by_field`` says why, and the form stays open."""

    def __init__(self, by_field: Mapping[str, str]) -> None:
        super().__init__(", ".join(by_field))
        self.by_field = {field: error[:MAX_ERROR] for field, error in by_field.items()}


def metadata_of(click: Click) -> str:
    """What travels with a form that a button opened: the channel that shows the answer, and the button's value."""
    return f"{click.channel} {click.value}"


def metadata_in(view: Mapping[str, Any]) -> tuple[str, str]:
    """Channel and value as they came back."""
    channel, _, value = str(view.get("private_metadata", "")).partition(" ")
    return channel, value


def values_of(view: Mapping[str, Any]) -> dict[str, str]:
    """What was filled in by field, empty where nothing was; each field has one input."""
    return {
        field: str(
            element.get("value")
            or element.get("selected_user")
            or (element.get("selected_option") or {}).get("value")
            or ""
        ).strip()
        for field, elements in view["state"]["values"].items()
        for element in elements.values()
    }
