"""The form behind “Add to the timeline”: of which incident."""

from collections.abc import Sequence
from typing import Any

import msgspec

from bot.domain.incident import Incident
from bot.incidents.noting import note_message
from handlers.slack.calls import Submission, Written
from handlers.slack.forms.elements import choice, modal, search
from handlers.slack.forms.open import packed
from handlers.slack.registry import form

CALLBACK_ID = "incident.note_of_message"
SEARCH = "incident.note_of_message.incident"
INCIDENT = "incident"
MOST = 100


@form(CALLBACK_ID)
async def submit(submission: Submission) -> str:
    message = msgspec.json.decode(submission.about, type=Written)
    noted = message.note(posted=False)
    changed = await note_message(
        submission.database, submission.values[INCIDENT], noted, submission.who, submission.now
    )
    return f"Noted in the timeline of incident #{changed.number}."


def choices(opened: Sequence[Incident]) -> list[tuple[str, str]]:
    return [(one.id, f"#{one.number} {one.title}") for one in opened]


def note_view(message: Written, opened: Sequence[Incident]) -> dict[str, Any]:
    """More than Slack takes in one list are searched in."""
    some = len(opened) <= MOST
    field = choice(INCIDENT, "Incident", choices(opened), first=True) if some else search(INCIDENT, "Incident", SEARCH)
    return modal(CALLBACK_ID, f" {packed(message)}", "Add to the timeline", "Add", [field])
