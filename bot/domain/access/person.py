"""Who does something, and the ids by which Slack knows people and user groups."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

_USER = re.compile(r"[UW](?:[A-Z0-9]{2,30}|[0-9])")
_GROUP = re.compile(r"S(?=[A-Z]*[0-9])[A-Z0-9]{4,30}")
_ON_CALL = "schedule:"


def is_user(name: str) -> bool:
    return _USER.fullmatch(name) is not None


def is_group(name: str) -> bool:
    return _GROUP.fullmatch(name) is not None


def on_call_in(schedule: str) -> str:
    """The name that stands for whoever is on call in a schedule, beside ids of people and of user groups."""
    return f"{_ON_CALL}{schedule}"


def schedule_of(name: str) -> str | None:
    """The schedule that a name stands for, None where it is another kind of name."""
    return name.removeprefix(_ON_CALL) if name.startswith(_ON_CALL) else None


def groups_in(names: Iterable[str]) -> set[str]:
    """Those of the names that may stand for several people: user groups, and whoever is on call."""
    return {name for name in names if is_group(name) or schedule_of(name) is not None}


def in_words(name: str) -> str:
    """A name in our own words, for :func:`bot.notify.slack.text.with_mentions`."""
    schedule = schedule_of(name)
    return f"@{name}" if schedule is None else f"whoever is on call in {schedule}"


def check_slack_id(name: str) -> str:
    """Raises ValueError with where the id is found."""
    if is_user(name) or is_group(name):
        return name
    raise ValueError(
        f"{name!r} is no Slack user id or user group id: open the person's profile in Slack, ⋮, Copy member ID; "
        "or the user group, ⋮, Copy group ID"
    )


SlackId = Annotated[str, AfterValidator(check_slack_id)]


def read_name(value: Any) -> Any:
    """``{schedule: shop}`` as the name that stands for whoever is on call there. Raises ValueError."""
    if not isinstance(value, dict):
        return value
    schedule = value.get("schedule")
    if set(value) != {"schedule"} or not isinstance(schedule, str) or not schedule:
        raise ValueError("write an id, or {schedule: NAME} for whoever is on call there")
    return on_call_in(schedule)


def _check_whom(name: str) -> str:
    return name if schedule_of(name) is not None else check_slack_id(name)


Whom = Annotated[str, BeforeValidator(read_name), AfterValidator(_check_whom)]
"""A person, a user group, or ``{schedule: NAME}``: whoever is on call there."""


@dataclass(frozen=True)
class Person:
    """Somebody as they were known when they did something.

    ``member`` is false for guests of the workspace and people of another one. ``groups`` are the user groups they are
    in and the schedules in which they are on call, ``unknown`` says of others why that could not be found out; only
    those that tandem.yaml names are in either. ``doubt`` says why it could not be found out whether they are a guest.
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
