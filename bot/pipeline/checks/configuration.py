"""Configuration that was changed on what the suspects depend on, where nobody looks first."""

from datetime import timedelta

from bot.domain.duration import format_duration
from bot.domain.event import ChangeKind
from bot.domain.review.investigation import Checked
from bot.pipeline.checks.deploys import COUNTED
from bot.pipeline.investigation.check import Case, check
from bot.storage.queries import changes

BACK = timedelta(hours=2)
_MOST = 2


@check("configuration")
async def configuration(case: Case) -> list[Checked]:
    names = [*case.suspects, *case.below]
    found = await changes.between(case.connection, case.domains, names, case.began - BACK, case.began)
    return [
        Checked(
            check="configuration",
            service=one.service,
            text=f"configuration of {one.service} changed {format_duration(case.began - one.at)} before: {one.title}",
        )
        for one in found
        if one.change is ChangeKind.CONFIG and not (one.service in case.suspects and case.began - one.at <= COUNTED)
    ][:_MOST]
