"""Approve, Reject and Edit on the offer of a run."""

from bot.errors import Refused
from bot.remediation.approval import Terms, Verdict, decide, who_may
from handlers.slack.calls import Click, OpenForm
from handlers.slack.forms.run import approve_view, edit_view, offered
from handlers.slack.registry import action


@action("run.approve")
async def approve(click: Click) -> OpenForm | None:
    """Where the runbook asks for a reason, a form asks; who may not approve is told so before."""
    run, runbook = await offered(click.database, click.endpoint.runbooks, click.value)
    if run and runbook and runbook.approval.reason and not who_may("approve", run, click.who):
        return OpenForm(approve_view(click, run))
    await _decide(click, "approve")
    return None


@action("run.edit")
async def edit(click: Click) -> OpenForm:
    run, runbook = await offered(click.database, click.endpoint.runbooks, click.value)
    if run is None or runbook is None or not runbook.parameters:
        raise Refused("This offer has nothing that may be edited any more.")
    return OpenForm(edit_view(click, run, runbook))


@action("run.reject")
async def reject(click: Click) -> None:
    await _decide(click, "reject")


async def _decide(click: Click, verdict: Verdict) -> None:
    run_id, _, plan_hash = click.value.partition(":")
    terms = Terms(click.endpoint.runbooks, click.endpoint.guards)
    await decide(click.database, terms, run_id, plan_hash, click.who, verdict, click.now)
