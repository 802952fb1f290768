"""A likely cause of an incident: where it began, what kind of thing broke, and why we think so."""

from datetime import datetime
from enum import StrEnum

import msgspec

MOST_OBSERVED = 20
"""Observations of one incident."""


class CauseKind(StrEnum):
    """What kind of thing broke; runbooks are matched against it."""

    RESOURCE = "resource"
    STORAGE = "storage"
    DEPENDENCY = "dependency"
    CHANGE = "change"
    DATA = "data"
    MODEL = "model"
    TRAFFIC = "traffic"
    UNKNOWN = "unknown"

    def is_a(self, kind: "CauseKind") -> bool:
        """Whether it is of that kind: storage that runs out is a resource that runs short, too."""
        return self is kind or (self is CauseKind.STORAGE and kind is CauseKind.RESOURCE)


class Cause(msgspec.Struct, frozen=True):
    """A likely cause: where, of what kind, how sure (0 to 1), and evidence a person can check."""

    service: str
    kind: CauseKind
    score: float
    evidence: list[str] = []

    @property
    def phrase(self) -> str:
        """The cause in words: ``Resource contention on forecast-pool``."""
        return _WHAT[self.kind].format(self.service)


class Observed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was looked up where the services of an incident run: a symptom that no alert may tell of, in words.

    ``name`` is what it is a symptom of, such as ``OOMKilled``; empty where it only explains. ``at``: since when.
    ``host_of`` is the service that runs there, where it is a host that this is about."""

    service: str
    text: str
    at: datetime
    name: str = ""
    host_of: str = ""


_WHAT = {
    CauseKind.RESOURCE: "Resource contention on {}",
    CauseKind.STORAGE: "Storage that runs out on {}",
    CauseKind.DEPENDENCY: "A failing dependency, {}",
    CauseKind.CHANGE: "A change to {}",
    CauseKind.DATA: "The data of {}",
    CauseKind.MODEL: "The model {}",
    CauseKind.TRAFFIC: "Traffic on {}",
    CauseKind.UNKNOWN: "Trouble that begins at {}",
}
