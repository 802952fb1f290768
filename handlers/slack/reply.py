"""What a person is answered."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.domain.event import Chart


@dataclass(frozen=True)
class Reply:
    """The answer to a command or a question in blocks; ``text`` is the same for notifications, and where blocks are not
    shown. ``chart`` follows an answer that stands in a thread; ``named`` is the same with people mentioned, which takes
    its place, as an edit calls nobody. What ``later`` makes takes its place when it is there."""

    text: str
    blocks: Sequence[dict[str, Any]] = ()
    chart: Chart | None = None
    named: "Reply | None" = None
    later: "Callable[[], Awaitable[Reply]] | None" = None


@dataclass(frozen=True)
class Later:
    """The answer to a form that takes longer than the form may wait: ``at_once`` is what a page says meanwhile."""

    at_once: str
    work: Callable[[], Awaitable[str]]
