"""One entry of ``enrich:``: what it may look at, and what it adds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol

SERVICE = "service"
"""Looks up by what the alert is about, however its labels say that."""
STALE = "enriched_stale"
"""The annotation that says which labels are of an earlier time, because who knows them does not answer."""
LONGEST = 1000
"""Characters of a label that is added."""


@dataclass
class Subject:
    """An alert, as the entries before this one have left it."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    about: Callable[[Mapping[str, str]], str]

    @cached_property
    def service(self) -> str:
        return self.about(self.labels)

    def value(self, name: str) -> str:
        """A label's, or an annotation's: ``annotations.summary``; `service` is what the alert is about."""
        place, _, rest = name.partition(".")
        if place == "annotations" and rest:
            return self.annotations.get(rest, "")
        if place == "labels" and rest:
            return self.labels.get(rest, "")
        return (name == SERVICE and self.service) or self.labels.get(name, "")


class Added(NamedTuple):
    """Labels; ``stale`` says of what time they are, where what they come from does not answer now."""

    labels: Mapping[str, str]
    stale: str = ""


class Step(Protocol):
    """``version`` changes with everything that decides what is added; ``name`` is what people call it."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def added_to(self, subject: Subject) -> Added:
        """What it knows of an alert. What the alert says of itself stays all the same."""


@dataclass(frozen=True)
class Applied:
    """What one entry added to one alert."""

    step: Step
    labels: dict[str, str] = field(default_factory=dict)
    stale: str = ""
