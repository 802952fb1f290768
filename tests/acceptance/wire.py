"""Requests as they go over the wire, and answers as they come back."""

import json
from collections.abc import AsyncIterable, Mapping
from typing import Any, NamedTuple

import aiohttp
from yarl import URL

from tests.acceptance.harness import TOKEN

AUTHENTIC = {"Authorization": f"Bearer {TOKEN}"}

Body = bytes | AsyncIterable[bytes] | None


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def problem(self) -> str:
        """The detail of an error, after checking that the error has the form which every door gives it."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        assert self.json.keys() == {"type", "title", "status", "detail"}
        assert self.json["status"] == self.status
        return str(self.json["detail"])


async def send(
    url: str | URL, body: Body = None, headers: Mapping[str, str] = AUTHENTIC, method: str = "POST", **options: Any
) -> Answer:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, data=body, headers=headers, **options) as answer,
    ):
        return Answer(answer.status, answer.headers, await answer.text())


async def get(url: str, headers: Mapping[str, str] = AUTHENTIC) -> Answer:
    return await send(url, headers=headers, method="GET")
