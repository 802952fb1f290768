"""A channel that is a file: one JSON line a call. The contract of channels holds for it as for Slack."""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bot.errors import LostLease
from bot.notify.card import Content
from bot.notify.channel import Channel, ContentRefused, Mark, MessageGone, Posted, Reply
from bot.notify.kinds import Opening, channel_kind
from bot.notify.paging.page_card import PageCard

Line = dict[str, Any]


class FileChannel:
    def __init__(self, path: Path, opening: Opening) -> None:
        self._path, self._may = path, opening.may
        self._path.touch()

    @property
    def name(self) -> str:
        return f"file:{self._path}"

    async def key(self) -> str:
        return str(self._path)

    def lines(self) -> list[Line]:
        return [json.loads(line) for line in self._path.read_text().splitlines()]

    async def post(self, content: Content | PageCard, mark: Mark, *, plain: bool = False) -> Posted:
        return self._add(_shown(content, plain), mark, None)

    async def reply(self, message: str, update: Reply, mark: Mark, *, plain: bool = False) -> Posted:
        self._at(message)
        return self._add(msgspec.to_builtins(update), mark, message)

    async def address(self, message: str, channel: str = "") -> str:
        return f"file://{channel or self._path}#{message}"

    async def update(self, message: str, content: Content, mark: Mark, *, plain: bool = False) -> None:
        lines = self.lines()
        lines[self._at(message)] |= {"content": _shown(content, plain), "mark": asdict(mark)}
        self._write(lines)

    async def delete(self, message: str) -> None:
        lines = self.lines()
        del lines[self._at(message)]
        self._write(lines)

    async def find(self, mark: Mark, since: datetime | None = None, thread: str | None = None) -> AsyncIterator[Posted]:
        self._allowed()
        for line in self.lines():
            at = datetime.fromisoformat(line["at"])
            if line["mark"] == asdict(mark) and line["thread"] == thread and (since is None or at >= since):
                yield Posted(line["id"], at)

    async def upload(self, name: str, content: bytes, description: str) -> str:
        self._allowed()
        self._path.with_name(name).write_bytes(content)
        return name

    async def share(self, file: str, title: str, thread: str) -> None:
        self._at(thread)
        self._add({"file": file, "title": title}, Mark("file", {}), thread)

    def _add(self, content: Any, mark: Mark, thread: str | None) -> Posted:
        self._allowed()
        lines = self.lines()
        number, at = 1 + max((int(line["id"]) for line in lines), default=0), datetime.now(UTC)
        line = {"id": str(number), "at": at.isoformat(), "thread": thread, "mark": asdict(mark), "content": content}
        self._write([*lines, line])
        return Posted(str(number), at)

    def _at(self, message: str) -> int:
        self._allowed()
        for position, line in enumerate(self.lines()):
            if line["id"] == message:
                return position
        raise MessageGone(f"no message {message}")

    def _allowed(self) -> None:
        if not self._may():
            raise LostLease("another replica writes this file by now")

    def _write(self, lines: list[Line]) -> None:
        self._path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def _shown(content: Content | PageCard, plain: bool) -> Any:
    shown = msgspec.to_builtins(content)
    if "refuse me" in json.dumps(shown) and not plain:
        raise ContentRefused("it says so")
    return shown


@channel_kind("file")
def open_file(address: str, opening: Opening) -> Channel:
    return FileChannel(Path(address), opening)
