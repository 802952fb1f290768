"""Issues on GitLab. https://docs.gitlab.com/api/issues/"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from bot.integrations.tickets.tracker import Api, Draft, Ticket, fenced, objects, ticket_in


@dataclass(frozen=True)
class GitLab:
    api: Api
    project: str
    labels: Sequence[str] = ()
    name: str = "GitLab"

    async def find(self, mark: str, since: datetime) -> Ticket | None:
        """By the text of the description, which the database of GitLab has at once."""
        asked = f"scope=all&in=description&per_page=20&search={quote(mark, safe='')}"
        found = objects(await self.api.get(f"{self._path}?{asked}"))
        return next((_ticket(one) for one in found if mark in str(one.get("description") or "")), None)

    async def create(self, draft: Draft) -> Ticket:
        body = {"title": draft.title, "description": fenced(draft.text), "labels": ",".join(self.labels)}
        return _ticket(await self.api.post(self._path, body))

    @property
    def _path(self) -> str:
        return f"/projects/{quote(self.project, safe='')}/issues"


def _ticket(answer: object) -> Ticket:
    found = ticket_in(answer, "iid", "web_url")
    return Ticket(f"#{found.key}", found.url)
