"""What checks found out about an incident by themselves, beside what its alerts say."""

from datetime import datetime

import msgspec

MOST_FINDINGS = 12
"""Of one incident."""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found. ``service`` is what it is about, empty where it is about none.

    ``weight`` is by how much it makes the service likelier as the cause: more than 1 supports it, less than 1 speaks
    against it, and 1 is evidence for people alone.
    """

    check: str
    text: str
    service: str = ""
    weight: float = 1.0


class Investigation(msgspec.Struct, frozen=True, kw_only=True):
    """All findings of an incident as of ``at``, when it was last looked into; ``rounds`` is how often that was.

    ``version`` grows with every change of the findings, ``shown`` is the one that the thread shows, in ``reply`` of
    ``channel``; ``posting_since`` says that a reply may stand there already.
    """

    incident_id: str
    partition: int
    at: datetime
    rounds: int = 1
    findings: list[Checked] = []
    version: int = 1
    shown: int = 0
    channel: str | None = None
    reply: str | None = None
    posting_since: datetime | None = None
