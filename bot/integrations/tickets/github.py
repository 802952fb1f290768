"""Issues on GitHub. https://docs.github.com/en/rest/issues/issues"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.integrations.tickets.tracker import Api, Draft, Ticket, fenced, objects, ticket_in

_PAGES, _PAGE = 5, 100
_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class GitHub:
    """The list of issues is asked, newest first: it is exact at once, which the search is not."""

    api: Api
    repository: str
    labels: Sequence[str] = ()
    name: str = "GitHub"

    async def find(self, mark: str, since: datetime) -> Ticket | None:
        moment = (since - _SKEW).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        asked = f"state=all&sort=created&direction=desc&per_page={_PAGE}&since={moment}"
        for page in range(1, _PAGES + 1):
            found = objects(await self.api.get(f"/repos/{self.repository}/issues?{asked}&page={page}"))
            for one in found:
                if mark in str(one.get("body") or ""):
                    return _ticket(one)
            if len(found) < _PAGE:
                return None
        return None

    async def create(self, draft: Draft) -> Ticket:
        body = {"title": draft.title, "body": fenced(draft.text), "labels": list(self.labels)}
        return _ticket(await self.api.post(f"/repos/{self.repository}/issues", body))


def _ticket(answer: object) -> Ticket:
    found = ticket_in(answer, "number", "html_url")
    return Ticket(f"#{found.key}", found.url)
