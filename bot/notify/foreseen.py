"""What a message shows of an offer before anybody approves it: what it would change, and what its gates say."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.run import GatePreview


@dataclass(frozen=True, slots=True)
class Gate:
    """The gates of an offered run: ``look`` is the preview of those it begins with, None where it is not known yet."""

    begins: bool
    look: GatePreview | None
    others: bool


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """What a step would change; not ``possible``: why that is not known."""

    step: str
    possible: bool
    ok: bool
    text: str


@dataclass(frozen=True, slots=True)
class PreviewCard:
    """What an offered run would change, as of ``at``, None where it is not known yet, but ``expected`` to be."""

    at: datetime | None
    lines: tuple[PreviewLine, ...]
    expected: bool = False
