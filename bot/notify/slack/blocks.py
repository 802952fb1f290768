"""The few Block Kit pieces that messages are made of, as slack_sdk's models, which hold Slack's limits."""

from collections.abc import Sequence

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    HeaderBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from bot.notify.card import Button
from bot.notify.slack.text import one_line

_MAX_LABEL, _MAX_CHOICE, _MAX_CONFIRM = 75, 30, 300


def mrkdwn(text: str) -> MarkdownTextObject:
    """``verbatim``: Slack makes no link or mention of what looks like one."""
    return MarkdownTextObject(text=text, verbatim=True)


def section(text: str) -> Block:
    return SectionBlock(text=mrkdwn(text))


def context(text: str) -> Block:
    return ContextBlock(elements=[mrkdwn(text)])


def header(text: str) -> Block:
    return HeaderBlock(text=PlainTextObject(text=text, emoji=True))


def actions(block_id: str, buttons: Sequence[Button]) -> Block:
    return ActionsBlock(block_id=block_id, elements=[_button(button) for button in buttons])


def _button(button: Button) -> ButtonElement:
    label = PlainTextObject(text=one_line(button.label, _MAX_LABEL))
    return ButtonElement(
        action_id=button.action,
        text=label,
        value=button.value,
        style=button.style,
        confirm=_confirm(button) if button.confirm else None,
    )


def _confirm(button: Button) -> ConfirmObject:
    """See https://docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object."""
    label = one_line(button.label, _MAX_CHOICE)
    text = PlainTextObject(text=one_line(button.confirm, _MAX_CONFIRM))
    return ConfirmObject(title=f"{label}?", text=text, confirm=label, deny="Cancel")
