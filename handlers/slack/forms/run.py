"""The forms of an offer: why it is approved, and which of its parameters are changed."""

from collections.abc import Mapping
from typing import Any

from bot.domain.run import Run
from bot.domain.runbook import Runbook
from bot.domain.runs.parameter import Parameter, in_words
from bot.remediation.approval import MAX_REASON, Terms, decide
from bot.remediation.offers.editing import BadParameters
from bot.remediation.offers.editing import edit as edit_offer
from bot.storage.database import Database
from bot.storage.queries import runs
from handlers.slack.calls import Click, Submission
from handlers.slack.forms import BadFields, metadata_of
from handlers.slack.registry import form

APPROVE, EDIT = "run.approve", "run.edit"
REASON = "reason"
_MAX_TITLE = 24
_View = dict[str, Any]


async def offered(database: Database, runbooks: Mapping[str, Runbook], value: str) -> tuple[Run | None, Runbook | None]:
    """The run that a button's value names, and its runbook as it is now."""
    async with database.read() as connection:
        run = await runs.by_id(connection, value.partition(":")[0])
    return run, runbooks.get(run.runbook) if run else None


@form(APPROVE)
async def approve(submission: Submission) -> str:
    run_id, _, plan_hash = submission.about.partition(":")
    terms = Terms(submission.endpoint.runbooks, submission.endpoint.guards)
    who, reason = submission.who, submission.values[REASON]
    run = await decide(submission.database, terms, run_id, plan_hash, who, "approve", submission.now, reason)
    return f"You approved “{run.plan.title}”: it is {run.status} now."


@form(EDIT)
async def edit(submission: Submission) -> str:
    run_id, _, plan_hash = submission.about.partition(":")
    terms = Terms(submission.endpoint.runbooks, submission.endpoint.guards)
    try:
        run = await edit_offer(
            submission.database, terms, (run_id, plan_hash), submission.who, submission.values, submission.now
        )
    except BadParameters as error:
        raise BadFields(error.by_name) from error
    return f"“{run.plan.title}” is offered with {in_words(run.plan.parameters)} now. Look at the plan, and approve it."


def approve_view(click: Click, run: Run) -> _View:
    hint = _plain("Everybody in the channel reads it, and it stays in the audit log")
    element = {"type": "plain_text_input", "action_id": "value", "multiline": True, "max_length": MAX_REASON}
    why = {"type": "input", "block_id": REASON, "label": _plain("Why"), "element": element, "hint": hint}
    return _view(APPROVE, "Approve", click, [_about(run), why])


def edit_view(click: Click, run: Run, runbook: Runbook) -> _View:
    fields = [_field(name, one, run) for name, one in runbook.parameters.items()]
    return _view(EDIT, "Edit the plan", click, [_about(run), *fields])


def _field(name: str, parameter: Parameter, run: Run) -> _View:
    now = str(run.plan.parameters.get(name, parameter.default))
    element: _View = {"type": "plain_text_input", "action_id": "value", "initial_value": now}
    if parameter.type == "choice":
        options = {choice: {"text": _plain(choice[:75]), "value": choice} for choice in parameter.choices}
        element = {"type": "static_select", "action_id": "value", "options": list(options.values())}
        element |= {"initial_option": options[now]} if now in options else {}
    return {
        "type": "input",
        "block_id": name,
        "label": _plain(name),
        "element": element,
        "hint": _plain(parameter.bounds),
    }


def _about(run: Run) -> _View:
    return {"type": "section", "text": _plain(run.plan.title)}


def _view(callback_id: str, title: str, click: Click, blocks: list[_View]) -> _View:
    return {
        "type": "modal",
        "callback_id": callback_id,
        "private_metadata": metadata_of(click),
        "title": _plain(title[:_MAX_TITLE]),
        "submit": _plain(title[:_MAX_TITLE]),
        "close": _plain("Cancel"),
        "blocks": blocks,
    }


def _plain(text: str) -> _View:
    return {"type": "plain_text", "text": text[:2000]}
