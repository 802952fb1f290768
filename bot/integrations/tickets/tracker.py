"""What any tracker must do. A ticket is found again by a mark in it, so that none is opened twice."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import aiohttp
import msgspec

from bot.domain.incident import Incident
from bot.integrations.http import ToolFailure, call

MOST_TITLE, _MOST_TEXT = 200, 20_000


class Ticket(NamedTuple):
    """``key`` is how people name it."""

    key: str
    url: str


@dataclass(frozen=True)
class Draft:
    """``text`` is plain: a tracker shows it in a block in which nothing formats, links or mentions anybody."""

    mark: str
    title: str
    text: str


class Tracker(Protocol):
    """Both raise ToolFailure, ToolRefused."""

    @property
    def name(self) -> str: ...

    async def find(self, mark: str, since: datetime) -> Ticket | None:
        """The ticket with this mark that was opened since a moment."""
        ...

    async def create(self, draft: Draft) -> Ticket: ...


@dataclass(frozen=True)
class Api:
    """Calls of a tracker's API; ``headers`` are filled in for each, and raise ToolRefused where a secret is missing."""

    session: aiohttp.ClientSession
    base: str
    headers: Callable[[], Mapping[str, str]]

    async def get(self, path: str) -> Any:
        return await self._called("GET", path)

    async def post(self, path: str, body: Any) -> Any:
        return await self._called("POST", path, body)

    async def _called(self, method: str, path: str, body: Any = None) -> Any:
        answer = await call(self.session, method, f"{self.base.rstrip('/')}{path}", self.headers(), json=body)
        try:
            return msgspec.json.decode(answer)
        except msgspec.DecodeError as error:
            raise ToolFailure("its answer is no JSON") from error


def objects(answer: Any) -> list[dict[str, Any]]:
    """The objects of a list. Raises ToolFailure where it is none."""
    if not isinstance(answer, list):
        raise ToolFailure("its answer is no list")
    return [one for one in answer if isinstance(one, dict)]


def ticket_in(answer: Any, key: str, url: str) -> Ticket:
    """What a tracker says of a ticket. Raises ToolFailure where that is not what was asked for."""
    if not isinstance(answer, dict) or not answer.get(key) or not str(answer.get(url) or "").startswith("http"):
        raise ToolFailure("its answer names no ticket")
    return Ticket(str(answer[key]), str(answer[url]))


def draft_of(incident: Incident, mark: str) -> Draft:
    """What is known of an incident now."""
    facts = [
        ("Severity", str(incident.severity)),
        ("Since", f"{incident.opened_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"),
        ("Services", ", ".join(incident.services) or "none is known"),
    ]
    lines = [incident.summary, "", *(f"{name}: {value}" for name, value in facts)]
    for cause in incident.causes[:3]:
        lines += ["", f"Likely cause: {cause.phrase}", *(f"- {evidence}" for evidence in cause.evidence)]
    lines += ["", f"Opened by Tandem for incident #{incident.number}, {mark}"]
    title = " ".join(f"Incident #{incident.number}: {incident.title}".split())
    return Draft(mark, title[:MOST_TITLE], "\n".join(lines)[-_MOST_TEXT:].strip())


def fenced(text: str) -> str:
    """A block of code in Markdown that its text cannot end."""
    inside = text.replace("`", "'")
    return f"```text\n{inside}\n```"
