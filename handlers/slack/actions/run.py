"""Approve and Reject on the offer of a run."""

from bot.remediation.approval import Terms, Verdict, decide
from handlers.slack.calls import Click
from handlers.slack.registry import action


@action("run.approve")
async def approve(click: Click) -> None:
    await _decide(click, "approve")


@action("run.reject")
async def reject(click: Click) -> None:
    await _decide(click, "reject")


async def _decide(click: Click, verdict: Verdict) -> None:
    run_id, _, plan_hash = click.value.partition(":")
    terms = Terms(click.endpoint.runbooks, click.endpoint.guards)
    await decide(click.database, terms, run_id, plan_hash, click.who, verdict, click.now)
