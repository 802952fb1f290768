"""What people write of an incident for its report."""

from datetime import datetime

import msgspec

from bot.domain.deed import Done, NotPossible, Outcome, Rule
from bot.domain.incident import Incident

MOST_TEXT = 3000
"""What a form of Slack takes: https://docs.slack.dev/reference/block-kit/block-elements/plain-text-input-element."""


class Texts(msgspec.Struct, frozen=True):
    """``edited_by`` is empty where nobody has written anything yet, and the texts are proposals."""

    summary: str = ""
    impact: str = ""
    lessons: str = ""
    edited_by: str = ""
    edited_at: datetime | None = None


NAMES = ("summary", "impact", "lessons")


def writing(before: Texts, texts: Texts) -> Rule:
    """Keep what people wrote, of an incident that is over or not."""
    changed = [name for name in NAMES if getattr(before, name) != getattr(texts, name)]

    def write(incident: Incident, user: str, now: datetime) -> Outcome:
        for name in NAMES:
            if len(text := getattr(texts, name)) > MOST_TEXT:
                return NotPossible(f"The {name} has {len(text)} characters, and may have {MOST_TEXT}: nothing changed.")
        if before.edited_by and not changed:
            return NotPossible("The report says exactly that already: nothing changed.")
        return Done(incident, f"Wrote the report: {', '.join(changed) or 'as it was proposed'}")

    return write
