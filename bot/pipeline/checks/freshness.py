"""How fresh the data of models is that are in the incident, or that depend on something in it."""

from datetime import timedelta

from bot.domain.duration import format_duration
from bot.domain.event import RowsKind
from bot.domain.review.investigation import Checked
from bot.model_store import batches
from bot.pipeline.investigation.check import Case, check

STALE = timedelta(hours=1)
_MOST = 3


@check("freshness")
async def freshness(case: Case) -> list[Checked]:
    around = {*case.suspects, *(above for one in case.suspects for above in case.topology.above(one))}
    found = []
    for model in sorted(around & case.rules.models.keys())[:_MOST]:
        newest = await batches.newest(case.connection, model, RowsKind.PREDICTIONS)
        if newest is None:
            continue
        age = case.now - newest.received_at
        if age > STALE:
            text = f"{model} has sent no predictions for {format_duration(age)}"
            found.append(Checked(check="freshness", service=model if model in case.suspects else "", text=text))
    return found
