"""Issues in Jira, its Cloud and its Data Center.

https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-issues/
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from bot.integrations.http import ToolFailure, ToolRefused
from bot.integrations.tickets.tracker import Api, Draft, Ticket, objects

_NO_SUCH_PATH = (404, 405, 410)


@dataclass(frozen=True)
class Jira:
    """The mark is a label: words of a text are searched for as words."""

    api: Api
    project: str
    type: str
    labels: Sequence[str] = ()
    name: str = "Jira"

    async def find(self, mark: str, since: datetime) -> Ticket | None:
        """Jira Cloud has another address of its search than the Data Center."""
        jql = quote(f'project = "{self.project}" AND labels = "{mark}"', safe="")
        asked = f"jql={jql}&maxResults=5&fields=labels"
        try:
            answer = await self.api.get(f"/rest/api/2/search/jql?{asked}")
        except ToolRefused as refused:
            if refused.status not in _NO_SUCH_PATH:
                raise
            answer = await self.api.get(f"/rest/api/2/search?{asked}")
        found = objects(answer.get("issues") if isinstance(answer, dict) else answer)
        return self._ticket(found[0]) if found else None

    async def create(self, draft: Draft) -> Ticket:
        text = draft.text.replace("{noformat}", "{no-format}")
        fields = {
            "project": {"key": self.project},
            "issuetype": {"name": self.type},
            "summary": draft.title,
            "description": f"{{noformat}}\n{text}\n{{noformat}}",
            "labels": [*self.labels, draft.mark],
        }
        return self._ticket(await self.api.post("/rest/api/2/issue", {"fields": fields}))

    def _ticket(self, answer: Any) -> Ticket:
        key = str(answer.get("key") or "") if isinstance(answer, dict) else ""
        if not key:
            raise ToolFailure("its answer names no ticket")
        return Ticket(key, f"{self.api.base.rstrip('/')}/browse/{quote(key, safe='-')}")
