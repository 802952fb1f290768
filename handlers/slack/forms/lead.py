"""The form behind “Assign, roles, severity, note …” in an incident's menu: whatever is filled in is done."""

from collections.abc import Awaitable, Callable
from typing import Any

from bot.domain.deed import Role
from bot.domain.incident import Incident
from bot.domain.severity import Severity
from bot.errors import Refused
from bot.incidents import ownership
from bot.notify.slack.text import who
from handlers.slack.calls import Submission
from handlers.slack.forms import BadFields
from handlers.slack.forms.elements import choice, field_of, modal, plain
from handlers.slack.registry import form

CALLBACK_ID = "incident.lead"
OWNER, LEAD, SCRIBE, SEVERITY, NOTE = "owner", Role.LEAD.value, Role.SCRIBE.value, "severity", "note"
AUTO = "auto"


@form(CALLBACK_ID)
async def submit(submission: Submission) -> str:
    """Each is a deed of its own; what was done before one that is refused stays, and its error says so."""
    wanted = {field: value for field, value in submission.values.items() if value}
    if not wanted:
        raise BadFields({OWNER: "Fill in what is to be done."})
    done: list[str] = []
    for field, carry_out in _DEEDS.items():
        if field not in wanted:
            continue
        try:
            done.append(await carry_out(submission, wanted[field]))
        except Refused as refused:
            before = f" Done: {', '.join(done)}." if done else ""
            raise BadFields({field: f"{refused}{before}"}) from refused
    return f"{', '.join(done)}."


async def _assign(submission: Submission, to: str) -> str:
    changed = await ownership.assign(submission.database, submission.about, to, submission.who, submission.now)
    return f"Incident #{changed.number} is assigned to {who(to)}"


def _giving(role: Role) -> Callable[[Submission, str], Awaitable[str]]:
    async def give(submission: Submission, to: str) -> str:
        changed = await ownership.give_role(
            submission.database, submission.about, role, to, submission.who, submission.now
        )
        return f"{role} of incident #{changed.number} is {who(to)}"

    return give


async def _judge(submission: Submission, word: str) -> str:
    severity = None if word == AUTO else Severity(word)
    changed = await ownership.set_severity(
        submission.database, submission.about, severity, submission.who, submission.now
    )
    return f"incident #{changed.number} is {changed.severity} now"


async def _note(submission: Submission, text: str) -> str:
    changed = await ownership.note(submission.database, submission.about, text, submission.who, submission.now)
    return f"noted in incident #{changed.number}"


_DEEDS: dict[str, Callable[[Submission, str], Awaitable[str]]] = {
    OWNER: _assign,
    LEAD: _giving(Role.LEAD),
    SCRIBE: _giving(Role.SCRIBE),
    SEVERITY: _judge,
    NOTE: _note,
}


def lead_view(metadata: str, incident: Incident) -> dict[str, Any]:
    """Nothing has to be filled in; the severity can be left to the alerts again where a person has set it."""
    levels = [(level.value, level.value) for level in Severity]
    follow = [(AUTO, "as its alerts say")] if incident.severity_by else []
    text = {"type": "plain_text_input", "action_id": "value", "multiline": True, "placeholder": plain("What is known")}
    fields = [
        field_of(OWNER, "Assign to", {"type": "users_select", "action_id": "value"}),
        choice(SEVERITY, f"Severity (now {incident.severity})", levels + follow),
        field_of(LEAD, "Lead", {"type": "users_select", "action_id": "value"}),
        field_of(SCRIBE, "Scribe", {"type": "users_select", "action_id": "value"}),
        field_of(NOTE, "Note for the timeline", text),
    ]
    title = f"Incident #{incident.number}"[:24]
    return modal(CALLBACK_ID, metadata, title, "Save", [{**field, "optional": True} for field in fields])
