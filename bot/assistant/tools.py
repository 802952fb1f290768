"""What a language model may call: a port, so that it is the same code as that of agents (:mod:`handlers.mcp`)."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bot.errors import TandemError


class ToolError(TandemError):
    """The tool was not carried out; the message is for the model."""


class Tools(Protocol):
    """Reads alone, of one correlation domain."""

    @property
    def described(self) -> Sequence[Mapping[str, Any]]:
        """As a chat completion takes them."""

    async def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """What a tool finds, as text of bounded length without secrets. Raises ToolError, StorageUnavailable."""
