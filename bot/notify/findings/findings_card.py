"""The findings of an incident as data. Texts come from outside, so a channel escapes them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.domain.review.investigation import Investigation


@dataclass(frozen=True, slots=True)
class FindingLine:
    """``bears`` says that it makes its service likelier as the cause, ``against`` that it makes it less likely."""

    text: str
    bears: bool = False
    against: bool = False


@dataclass(frozen=True, slots=True)
class FindingsCard:
    lines: tuple[FindingLine, ...]
    at: datetime
    rounds: int = 1
    broadcast: Final = False


def card_of(one: Investigation) -> FindingsCard:
    """What bears on the cause comes first."""
    lines = [FindingLine(found.text, found.weight > 1, found.weight < 1) for found in one.findings]
    lines.sort(key=lambda line: not (line.bears or line.against))
    return FindingsCard(tuple(lines), one.at, one.rounds)
