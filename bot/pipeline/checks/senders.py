"""Whether everybody who should report does: where they do not, silence is no health."""

from bot.domain.review.investigation import Checked
from bot.pipeline.investigation.check import Case, check
from bot.storage.queries.records import service as records


@check("senders")
async def senders(case: Case) -> list[Checked]:
    silent = await records.silent_senders(case.connection, [case.incident.domain])
    if not silent:
        return []
    text = f"who should report does not ({', '.join(silent)}): less may be known than usual"
    return [Checked(check="senders", text=text)]
