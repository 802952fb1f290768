"""What the API can do. An operation is a function in a file of ``operations/``, found by itself:

@operation("POST", "/api/incidents/{id}/notes", Scope.INCIDENTS_WRITE, summary="Write a note", body=Note, answer=…)
async def note(call: Call[NoQuery, Note]) -> Answer: ...

What it takes and answers are msgspec types: the same that validate requests are what ``/openapi.json`` describes.
"""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import msgspec

from bot.assistant.answering import AskModel
from bot.config.patches import Patches
from bot.domain.access.permission import Policy
from bot.domain.access.person import Person
from bot.domain.access.scope import Scope
from bot.domain.rules import Rules
from bot.errors import TandemError
from bot.incidents.permissions import Actor
from bot.questions.question import Knowledge
from bot.storage.database import Database
from handlers.api.tokens import Caller

if TYPE_CHECKING:
    from bot.watches.models.challenge.verdict import Challenges

Method = Literal["GET", "POST", "PUT", "DELETE"]


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters."""


class NoBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing, or an empty object."""


Position = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A place in a list by number: what no database counts to is no place."""
Q = TypeVar("Q", bound=msgspec.Struct)
B = TypeVar("B", bound=msgspec.Struct)


class Invalid(TandemError):
    """The request makes no sense; the message says where and what is expected."""


@dataclass(frozen=True)
class Backend:
    """What operations work with. ``on_change`` is called when Slack should show something new; ``knowledge`` is what
    questions are answered from, and ``ask_model`` lets a language model answer them too, where one is configured.
    ``challenges`` is made when it is needed first, as it takes a while to import; ``patches`` makes patches of proposed
    settings."""

    database: Database
    rules: Rules
    clock: Callable[[], datetime]
    on_change: Callable[[], None] = lambda: None
    policy: Policy = field(default_factory=Policy)
    knowledge: Knowledge | None = None
    ask_model: AskModel | None = None
    challenges: "Callable[[], Challenges] | None" = None
    patches: Patches = field(default_factory=Patches)

    @property
    def known(self) -> Knowledge:
        """What questions are answered from."""
        return self.knowledge or Knowledge(self.database, self.rules)


@dataclass(frozen=True)
class Call(Generic[Q, B]):
    """A request that was let in: ``path`` has the parts of the address, ``seen`` the versions of If-Match."""

    backend: Backend
    caller: Caller
    query: Q
    body: B
    path: Mapping[str, str]
    now: datetime
    seen: frozenset[int] | None = None

    @property
    def database(self) -> Database:
        return self.backend.database

    @property
    def who(self) -> Actor:
        """The token's name is the actor, and what it may do is in its scopes; a person is themselves."""
        if self.caller.actor is not None:
            return replace(self.caller.actor, seen=self.seen)
        return Actor(Person(self.caller.name), domains=self.caller.domains, seen=self.seen)


class Answer(NamedTuple):
    """``made`` is the address of what was made: the answer is a 201 then."""

    value: msgspec.Struct | None
    version: int | None = None
    made: str = ""


Run = Callable[[Any], Awaitable[Answer]]


@dataclass(frozen=True)
class Operation:
    """``example`` is a body that would be taken; ``conflicts`` says when it answers 409."""

    method: Method
    path: str
    scopes: tuple[Scope, ...]
    summary: str
    run: Run
    query: type[msgspec.Struct]
    body: type[msgspec.Struct]
    answer: type[msgspec.Struct] | None
    example: Any = None
    conflicts: str = ""
    made: bool = False

    @property
    def name(self) -> str:
        return self.run.__name__

    @property
    def changes(self) -> bool:
        return self.method != "GET"


_operations: dict[tuple[str, str], Operation] = {}


def operation(
    method: Method,
    path: str,
    *scopes: Scope,
    summary: str,
    answer: type[msgspec.Struct] | None,
    query: type[msgspec.Struct] = NoQuery,
    body: type[msgspec.Struct] = NoBody,
    example: Any = None,
    conflicts: str = "",
    made: bool = False,
) -> Callable[[Run], Run]:
    """Register an operation, which any of the scopes is enough for. Raises ValueError where there is one already."""

    def register(run: Run) -> Run:
        if (method, path) in _operations:
            raise ValueError(f"two operations are {method} {path}")
        _operations[method, path] = Operation(
            method, path, scopes, summary, run, query, body, answer, example, conflicts, made
        )
        return run

    return register


@cache
def all_operations() -> list[Operation]:
    """Every operation, by address."""
    package = importlib.import_module("handlers.api.operations")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    return [_operations[key] for key in sorted(_operations, key=lambda key: (key[1], key[0]))]
