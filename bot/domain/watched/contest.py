"""A version of a model beside another."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple


class Contest(NamedTuple):
    """``version`` is compared ``against`` another, by predictions since a moment; ``domains`` is None for all."""

    model: str
    version: str
    against: str
    since: datetime
    domains: Collection[str] | None = None

    @property
    def sides(self) -> tuple[str, str]:
        return self.version, self.against


class Asked(NamedTuple):
    """When it is asked, what is tolerated, and for how long labels are waited for where what is predicted is alike."""

    now: datetime
    worse_by: float | None = None
    settle: timedelta = timedelta(0)
