"""What was found about one subject, and what to do."""

from enum import StrEnum
from typing import NamedTuple


class Mark(StrEnum):
    OK = "ok     "
    WARN = "warning"
    FAIL = "FAILED "


class Finding(NamedTuple):
    mark: Mark
    subject: str
    text: str
    advice: str = ""

    @property
    def failed(self) -> bool:
        return self.mark is Mark.FAIL
