"""What the logs of the suspects say: alerts of watched logs in the incident."""

from bot.domain.review.investigation import Checked
from bot.pipeline.investigation.check import Case, check

SUPPORTS = 1.0
_MOST, _MOST_TEXT = 2, 200


@check("error_logs")
async def error_logs(case: Case) -> list[Checked]:
    watches = case.rules.logs.watch
    found = [one for one in case.alerts if one.active and one.labels.get("watch", "") in watches and one.service]
    found.sort(key=lambda one: (one.starts_at, one.identity))
    return [
        Checked(
            check="error_logs",
            service=one.service,
            text=f"logs of {one.service}: {one.annotations.get('summary', one.name)[:_MOST_TEXT]}",
            weight=SUPPORTS,
        )
        for one in found[:_MOST]
    ]
