"""The form that opens an incident by hand, from nothing or from a message."""

from dataclasses import replace
from typing import Any

import msgspec

from bot.domain.deed import MOST_TITLE
from bot.domain.severity import Severity
from bot.errors import Refused
from bot.incidents.declaring import USUAL, Declaration, declare
from bot.incidents.noting import note_message
from handlers.slack.calls import Submission, Written
from handlers.slack.forms import BadFields
from handlers.slack.forms.elements import choice, field_of, modal, plain
from handlers.slack.registry import form

CALLBACK_ID = "incident.open"
TITLE, SERVICE, SEVERITY = "title", "service", "severity"
_MOST_KEPT = 1500
"""Characters of a message that travel with the form, of which Slack keeps 3,000."""


@form(CALLBACK_ID)
async def submit(submission: Submission) -> str:
    values, severity = submission.values, submission.values.get(SEVERITY, "")
    wish = Declaration(values[TITLE], values.get(SERVICE, ""), Severity(severity) if severity else None)
    try:
        opened = await declare(submission.database, wish, submission.endpoint.rules, submission.who, submission.now)
    except Refused as refused:
        raise BadFields({TITLE: str(refused)}) from refused
    words = f"Incident #{opened.number} is open, {opened.severity}. It ends when somebody resolves it."
    if not submission.about:
        return words
    message = msgspec.json.decode(submission.about, type=Written)
    noted = message.note(posted=False)
    try:
        await note_message(submission.database, opened.id, noted, submission.who, submission.now)
    except Refused as refused:
        return f"{words} {refused}"
    return f"{words} The message is in its timeline."


def open_view(channel: str = "", message: Written | None = None) -> dict[str, Any]:
    """``channel`` shows the answer; without one, the form itself does. A message gives its first line as the title."""
    first = next((line.strip() for line in message.text.splitlines() if line.strip()), "") if message else ""
    title: dict[str, Any] = {"type": "plain_text_input", "action_id": "value", "max_length": MOST_TITLE}
    title |= {"initial_value": first[:MOST_TITLE]} if first else {"placeholder": plain("Customers cannot pay")}
    service = {"type": "plain_text_input", "action_id": "value", "placeholder": plain("checkout")}
    levels = [(level.value, level.value) for level in Severity]
    fields = [
        field_of(TITLE, "What is wrong", title),
        field_of(SERVICE, "Service: its alerts join the incident", service) | {"optional": True},
        choice(SEVERITY, f"Severity ({USUAL} if you choose none)", levels) | {"optional": True},
    ]
    return modal(CALLBACK_ID, f"{channel} {packed(message)}".rstrip(), "Open an incident", "Open", fields)


def packed(message: Written | None) -> str:
    """As it travels with a form."""
    if message is None:
        return ""
    return msgspec.json.encode(replace(message, text=message.text[:_MOST_KEPT])).decode()
