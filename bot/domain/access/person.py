"""Who does something, and the ids by which Slack knows people and user groups."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator

_USER = re.compile(r"[UW][A-Z0-9]{2,30}")
_GROUP = re.compile(r"S(?=[A-Z]*[0-9])[A-Z0-9]{4,30}")


def is_user(name: str) -> bool:
    return _USER.fullmatch(name) is not None


def is_group(name: str) -> bool:
    return _GROUP.fullmatch(name) is not None


def groups_in(names: Iterable[str]) -> set[str]:
    """Those of the names that are user groups."""
    return {name for name in names if is_group(name)}


def check_slack_id(name: str) -> str:
    """Raises ValueError with where the id is found."""
    if is_user(name) or is_group(name):
        return name
    raise ValueError(
        f"{name!r} is no Slack user id or user group id: open the person's profile in Slack, ⋮, Copy member ID; "
        "or the user group, ⋮, Copy group ID"
    )


SlackId = Annotated[str, AfterValidator(check_slack_id)]


@dataclass(frozen=True)
class Person:
    """Somebody as they were known when they did something.

    ``member`` is false for guests of the workspace and people of another one. ``groups`` are the user groups they are
    in, ``unknown`` says of others why that could not be found out; only groups that tandem.yaml names are in either.
    ``doubt`` says why it could not be found out whether they are a guest.
    """

    id: str
    member: bool = True
    groups: frozenset[str] = frozenset()
    unknown: Mapping[str, str] = field(default_factory=dict)
    doubt: str = ""

    def is_one_of(self, names: Collection[str]) -> bool:
        """Whether they are named, or in a group that is."""
        return self.id in names or not self.groups.isdisjoint(names)

    def why_unknown(self, names: Iterable[str]) -> str:
        """What could not be found out about the groups among these names; empty where all is known."""
        return next((self.unknown[name] for name in names if name in self.unknown), "")
