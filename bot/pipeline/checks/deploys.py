"""Deploys, rollbacks and scalings of the suspects near the beginning, also those that are too old to count alone."""

from datetime import timedelta

from bot.domain.change import Change
from bot.domain.duration import format_duration
from bot.domain.event import ChangeKind
from bot.domain.review.investigation import Checked
from bot.pipeline.investigation.check import Case, check
from bot.storage.queries import changes
from detectors.rootcause.changes import CHANGE_WITHIN

BACK = timedelta(hours=6)
COUNTED = timedelta(seconds=CHANGE_WITHIN)
"""What was changed so shortly before is weighed already."""
_KINDS = (ChangeKind.DEPLOY, ChangeKind.ROLLBACK, ChangeKind.RELEASE, ChangeKind.SCALING)
_MOST, _SUSPECTS = 2, 3


@check("deploys")
async def deploys(case: Case) -> list[Checked]:
    found = await changes.between(case.connection, case.domains, case.suspects[:_SUSPECTS], case.began - BACK, case.now)
    return [
        Checked(check="deploys", service=one.service, text=_text(case, one))
        for one in found
        if one.change in _KINDS and not timedelta(0) <= case.began - one.at <= COUNTED
    ][:_MOST]


def _text(case: Case, one: Change) -> str:
    gap = case.began - one.at
    when = f"{format_duration(gap)} before" if gap >= timedelta(0) else f"{format_duration(-gap)} after it began"
    return f"{one.change} of {one.service}{f' “{one.title}”' if one.title else ''} {when}"
