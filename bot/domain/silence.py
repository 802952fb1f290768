"""A silence: alerts that match it are recorded, but call nobody until it ends."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from bot.domain.matcher import Matcher, matches_all


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """``origin`` is the tool in which it was made, or empty where it was made here."""

    id: str
    matchers: list[Matcher]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str = ""
    origin: str = ""

    def covers(self, labels: Mapping[str, str], now: datetime) -> bool:
        return self.starts_at <= now < self.ends_at and matches_all(self.matchers, labels)
