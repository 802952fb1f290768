"""The form behind Merge in an incident's menu: which other open incident it becomes part of."""

from collections.abc import Sequence
from typing import Any

from bot.domain.incident import Incident
from bot.incidents import regroup
from handlers.slack.calls import Submission
from handlers.slack.forms.elements import choice, modal
from handlers.slack.registry import form

CALLBACK_ID = "incident.merge"
INTO = "into"
MOST = 100


@form(CALLBACK_ID)
async def submit(submission: Submission) -> str:
    gone, kept = map(int, submission.values[INTO].split())
    merged = await regroup.merge_by_hand(submission.database, gone, kept, submission.who, submission.now)
    return f"Incident #{gone} is part of #{merged.number} now; alerts like these will meet from now on."


def merge_view(channel_id: str, gone: Incident, others: Sequence[Incident]) -> dict[str, Any]:
    """A choice holds both numbers."""
    options = [(f"{gone.number} {one.number}", f"#{one.number} {one.title}") for one in others[:MOST]]
    into = choice(INTO, f"Incident #{gone.number} becomes part of", options)
    return modal(CALLBACK_ID, channel_id, "Merge incidents", "Merge", [into])
