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
    Option,
    OverflowMenuElement,
    PlainTextObject,
    SectionBlock,
)

from bot.notify.card import Button
from bot.notify.slack.text import length, one_line

MENU = "incident.more"
MAX_CHOICES = 5
_MAX_SECTION = 2900
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


def packed(lines: Sequence[str]) -> list[str]:
    """Lines joined into as few texts as Slack's limit of a section allows."""
    texts: list[str] = []
    for line in lines:
        if texts and length(texts[-1]) + 1 + length(line) <= _MAX_SECTION:
            texts[-1] += f"\n{line}"
        else:
            texts.append(line)
    return texts


def actions(block_id: str, buttons: Sequence[Button], menu: Sequence[Button] = ()) -> Block:
    """Buttons in a row, and behind them a menu of those that are needed less often."""
    more = [_menu(menu)] if menu else []
    return ActionsBlock(block_id=block_id, elements=[*(_button(button) for button in buttons), *more])


def _menu(choices: Sequence[Button]) -> OverflowMenuElement:
    """A choice comes back as the action and the value of its button. See :func:`chosen`."""
    options = [
        Option(value=f"{one.action} {one.value}", text=PlainTextObject(text=one_line(one.label, _MAX_LABEL)))
        for one in choices[:MAX_CHOICES]
    ]
    return OverflowMenuElement(action_id=MENU, options=options)


def chosen(value: str) -> tuple[str, str]:
    """The action and the value of what was chosen in a menu.

    >>> chosen("incident.silence 4f2a")
    ('incident.silence', '4f2a')
    """
    action, _, rest = value.partition(" ")
    return action, rest


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
