"""A version of a model beside another."""

from collections.abc import Collection
from datetime import datetime
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
