"""The form behind “Break the glass”: why a run cannot wait for the end of a freeze window."""

from typing import Any

from bot.remediation.approval import Terms
from bot.remediation.offers.glass import MAX_REASON, break_glass
from handlers.slack.calls import Click, Submission
from handlers.slack.forms import metadata_of
from handlers.slack.registry import form

CALLBACK_ID = "run.break_glass"
REASON = "reason"


@form(CALLBACK_ID)
async def submit(submission: Submission) -> str:
    endpoint = submission.endpoint
    run_id, _, plan_hash = submission.about.partition(":")
    terms = Terms(endpoint.runbooks, endpoint.guards)
    reason = submission.values[REASON]
    run = await break_glass(submission.database, terms, (run_id, plan_hash), submission.who, reason, submission.now)
    named = " and ".join(f"“{window}”" for window in run.broken)
    return f"The freeze window {named} no longer holds it up. Somebody else must approve it now."


def glass_view(click: Click) -> dict[str, Any]:
    """The form for an offer; the run and its plan travel with it."""
    text = {"type": "plain_text", "text": "Why it must be run now"}
    hint = {"type": "plain_text", "text": "Everybody in the channel reads it, and it stays in the audit log"}
    element = {"type": "plain_text_input", "action_id": "value", "multiline": True, "max_length": MAX_REASON}
    return {
        "type": "modal",
        "callback_id": CALLBACK_ID,
        "private_metadata": metadata_of(click),
        "title": {"type": "plain_text", "text": "Break the glass"},
        "submit": {"type": "plain_text", "text": "Break the glass"},
        "close": {"type": "plain_text", "text": "Cancel"},
        "blocks": [{"type": "input", "block_id": REASON, "label": text, "element": element, "hint": hint}],
    }
