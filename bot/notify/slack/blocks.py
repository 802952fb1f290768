"""The few Block Kit pieces that messages are made of."""

from typing import Any

Block = dict[str, Any]


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text)}


def button(action: str, label: str, value: str, style: str | None = None) -> Block:
    made: Block = {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": label}, "value": value}
    return made | ({"style": style} if style else {})
