"""``/incident autonomy``"""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.runbook import Runbook, definition_hash
from bot.domain.runs.autonomy import Past, standing_of
from bot.notify.slack.text import literal
from bot.remediation.autonomy.record import UNKNOWN, record_of
from bot.storage.queries.records.ended import causes_seen, domains_seen
from handlers.slack.calls import Call
from handlers.slack.registry import command

_MOST_RUNS, _MOST_LINES = 5, 40


@command("autonomy", help="what each runbook has earned, from which runs, and what is missing", place=9)
async def autonomy(call: Call) -> str:
    lines: list[str] = []
    async with call.database.read() as connection:
        domains = await domains_seen(connection) or [""]
        for name, runbook in sorted(call.endpoint.runbooks.items()):
            lines += [line for domain in domains for line in await _of(connection, domain, name, runbook)]
    more = [f"… and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
    return "\n".join([*lines[:_MOST_LINES], *more]) or "There is no runbook in tandem.yaml."


async def _of(connection: AsyncConnection, domain: str, name: str, runbook: Runbook) -> list[str]:
    """A line for each kind of cause that it ran for, or is for."""
    wanted = runbook.when.cause.value if runbook.when.cause else UNKNOWN
    causes = await causes_seen(connection, domain, name) or [wanted]
    definition = definition_hash(runbook)
    records = {cause: await record_of(connection, domain, name, definition, cause) for cause in causes}
    where = f" in {literal(domain, 60)}" if domain else ""
    return [f"• *{literal(name, 60)}* for {cause}{where}: {_said(runbook, past)}" for cause, past in records.items()]


def _said(runbook: Runbook, past: list[Past]) -> str:
    standing = standing_of(past)
    neutral = sum(run.good is None for run in past)
    counted = f"{standing.successes} verified, {standing.failures} bad" + (
        f", {neutral} not counted" if neutral else ""
    )
    runs = ", ".join(run[:8] for run in standing.since_loss[-_MOST_RUNS:])
    from_runs = f"; from runs {runs}" if runs else ""
    lost = f"; lost by run {standing.lost_by[:8]}" if standing.lost_by else ""
    told = f"{counted}, better than {standing.bound:.0%} for sure{from_runs}{lost}"
    if runbook.autonomy is None:
        return f"never alone (no `autonomy` in tandem.yaml): {told}"
    missing = standing.missing(runbook.autonomy)
    if missing:
        return f"not alone yet: {told}. Missing: {'; '.join(missing)}"
    return f"*runs alone* up to severity {runbook.autonomy.severity_at_most.value}: {told}"
