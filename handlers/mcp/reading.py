"""The tools of agents that read, for the language model of ``assistant``: the same code, kept to one domain.

What they find is text with one value a line, without secrets and of bounded length: what the model is shown is exactly
what its sentences are checked against.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from bot.assistant.tools import ToolError
from bot.domain.access.scope import READS
from bot.errors import Refused
from detectors.logs.secrets import mask_secrets
from handlers.api.operation import Invalid
from handlers.api.serving import Serving, encoded
from handlers.api.tokens import Caller
from handlers.mcp.results import bounded
from handlers.mcp.tools import Tool, all_tools

MOST_TEXT = 12_000
_NAME = "assistant"


class ReadTools:
    """Implements :class:`bot.assistant.tools.Tools` for incidents of one correlation domain."""

    def __init__(self, serving: Serving, domain: str) -> None:
        self._serving = serving
        self._caller = Caller(_NAME, READS, frozenset({domain}))
        self._tools = {name: tool for name, tool in all_tools().items() if _reads(tool)}

    @property
    def described(self) -> Sequence[Mapping[str, Any]]:
        return [
            {"type": "function", "function": {"name": name, "description": tool.description, "parameters": tool.schema}}
            for name, tool in self._tools.items()
        ]

    async def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        tool = self._tools.get(name)
        if tool is None:
            raise ToolError(f"there is no tool {name[:60]!r}")
        given = tool.defaults | dict(arguments)
        path = {part: str(given.pop(part, "")) for part in tool.in_path}
        query = {part: given.pop(part) for part in tool.in_query if part in given}
        try:
            answer = await self._serving.perform(tool.operation, self._caller, path, query, given)
        except (Refused, Invalid) as error:
            raise ToolError(str(error)) from error
        return await asyncio.to_thread(as_text, encoded(answer))  # an incident may have ten thousand alerts


def _reads(tool: Tool) -> bool:
    """A question is no tool of what is asked itself."""
    return not tool.operation.changes and any(scope in READS for scope in tool.operation.scopes)


def as_text(answer: bytes) -> str:
    """One value a line, under the path that leads to it."""
    lines: list[str] = []
    room = MOST_TEXT
    for line in _lines(bounded(msgspec.json.decode(answer)), ""):
        room -= len(line) + 1
        if room < 0:
            return "\n".join([*lines, "(the rest is left out)"])
        lines.append(line)
    return "\n".join(lines) or "(nothing)"


def _lines(found: Any, path: str) -> Iterator[str]:
    if isinstance(found, dict):
        for name, value in found.items():
            yield from _lines(value, f"{path}.{name}" if path else str(name))
    elif isinstance(found, list):
        yield f"{path}: {len(found)} {path.rpartition('.')[2]}"
        for place, value in enumerate(found, start=1):
            yield from _lines(value, f"{path}[{place}]")
    elif found is not None and found != "":
        yield mask_secrets(f"{path}: {' '.join(str(found).split())}")  # a path may say that it is a secret
