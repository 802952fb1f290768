"""The form behind Merge in an incident's menu: which other open incident it becomes part of."""

from collections.abc import Sequence
from typing import Any

from bot.domain.incident import Incident
from bot.incidents import regroup
from handlers.slack.calls import Submission
from handlers.slack.forms.elements import choice, modal, search
from handlers.slack.registry import form

CALLBACK_ID = "incident.merge"
SEARCH = "incident.merge.into"
INTO = "into"
MOST = 100


@form(CALLBACK_ID)
async def submit(submission: Submission) -> str:
    gone, kept = map(int, submission.values[INTO].split())
    merged = await regroup.merge_by_hand(submission.database, gone, kept, submission.who, submission.now)
    return f"Incident #{gone} is part of #{merged.number} now; alerts like these will meet from now on."


def choices(gone: Incident, others: Sequence[Incident]) -> list[tuple[str, str]]:
    """A choice holds both numbers."""
    return [(f"{gone.number} {one.number}", f"#{one.number} {one.title}") for one in others]


def merge_view(channel_id: str, gone: Incident, others: Sequence[Incident]) -> dict[str, Any]:
    """More than Slack takes in one list are searched in."""
    label = f"Incident #{gone.number} becomes part of"
    into = choice(INTO, label, choices(gone, others)) if len(others) <= MOST else search(INTO, label, SEARCH)
    return modal(CALLBACK_ID, f"{channel_id} {gone.id}", "Merge incidents", "Merge", [into])
