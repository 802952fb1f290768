"""The rules by which alerts are named: those that come with Tandem, and what tandem.yaml adds to them."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from fnmatch import translate
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from bot.domain.naming.forms import Form

_SHIPPED = Path(__file__).with_name("catalogue.toml")


class Scraper(StrEnum):
    """What reports on something else, by what its alerts are about. The first that fits counts."""

    NODE = "node"
    """The machine that it runs on."""
    PROBE = "probe"
    """What it probes."""
    OBJECTS = "objects"
    """Objects of a cluster, which the labels name."""
    CONTROLLER = "controller"
    """Likewise; an alert that names none is about itself."""
    EXPORTER = "exporter"
    """Another program."""


class ScraperPatterns(BaseModel):
    """Jobs, services, apps or containers that report on something else; `*` stands for anything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    node: list[str] = []
    """Reports on the machine that it runs on, as node-exporter does."""
    probe: list[str] = []
    """Reports on what it probes, its `instance`, as blackbox-exporter does."""
    objects: list[str] = []
    """Reports on objects that the labels name, as kube-state-metrics does."""
    controller: list[str] = []
    """Likewise, and what names none is about itself: cert-manager."""
    exporter: list[str] = []
    """Reports on another program, which its own name contains: `payments-db-exporter`."""


class NamingRules(BaseModel):
    """What is added to the rules that Tandem comes with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workloads: dict[str, Form] = Field(default={}, max_length=200)
    """Labels that name a workload, each with its form: name, pod, job, claim, address or namespace."""
    resources: dict[str, Form] = Field(default={}, max_length=200)
    """Labels that name an alert where no workload is named, as `topic` does, likewise."""
    scrapers: ScraperPatterns = ScraperPatterns()
    """What reports on something else: its own service, job, instance and container name nothing."""
    target_alerts: list[str] = []
    """Alerts about what is scraped itself, as TargetDown is."""
    ignore: list[str] = []
    """Alerts that are no trouble, as Watchdog and InfoInhibitor are; `*` stands for anything."""
    keep: list[str] = []
    """Alerts to be taken as trouble after all: `[Watchdog]`."""

    @cached_property
    def catalogue(self) -> "Catalogue":
        """These rules together with those that Tandem comes with."""
        return _joined(shipped(), self)


class Catalogue:
    """All rules, compiled. What a value fits is found once and kept: few jobs and services send all alerts."""

    def __init__(self, rules: Mapping[str, Any]) -> None:
        self.workloads: dict[str, Form] = {label: Form(form) for label, form in rules["workloads"].items()}
        self.resources: dict[str, Form] = {label: Form(form) for label, form in rules["resources"].items()}
        self.programs: frozenset[str] = frozenset(rules["programs"]["words"])
        self.unspecific: frozenset[str] = frozenset(rules["programs"]["unspecific"])
        self.control_plane: tuple[str, ...] = tuple(rules["programs"]["control_plane"])
        self.releases: frozenset[str] = frozenset(rules["programs"]["releases"])
        self.stores: tuple[str, ...] = tuple(rules["programs"]["stores"])
        self._scrapers = {kind: _pattern(rules["scrapers"][kind]) for kind in Scraper}
        self._named_by = [(_pattern([one]), tuple(labels)) for one, labels in rules["named_by"].items()]
        self._targets, self._ignored = _pattern(rules["target_alerts"]), _pattern(rules["ignore"])
        self._kept = _pattern(rules.get("keep", ()))
        self.scraper = lru_cache(maxsize=10_000)(self._scraper)
        self.named_by = lru_cache(maxsize=10_000)(self._labels_of)
        self.is_ignored = lru_cache(maxsize=10_000)(self._is_ignored)
        self.is_about_target = lru_cache(maxsize=10_000)(self._is_about_target)

    def _scraper(self, value: str) -> Scraper | None:
        return next((kind for kind, pattern in self._scrapers.items() if pattern.fullmatch(value)), None)

    def _labels_of(self, value: str) -> tuple[str, ...]:
        return next((labels for pattern, labels in self._named_by if pattern.fullmatch(value)), ())

    def _is_ignored(self, name: str) -> bool:
        return bool(self._ignored.fullmatch(name)) and not self._kept.fullmatch(name)

    def _is_about_target(self, name: str) -> bool:
        return bool(self._targets.fullmatch(name))


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Any]:
    """The rules that Tandem comes with: part of the program, as a module is, and read once."""
    return tomllib.loads(_SHIPPED.read_text(encoding="utf-8"))


@lru_cache(maxsize=20)
def _compiled(rules: bytes) -> Catalogue:
    return Catalogue(msgspec.json.decode(rules))


def _joined(known: Mapping[str, Any], added: NamingRules) -> Catalogue:
    rules = {
        **known,
        "workloads": {**added.workloads, **known["workloads"], **added.workloads},
        "resources": {**added.resources, **known["resources"], **added.resources},
        "scrapers": {kind: [*getattr(added.scrapers, kind), *known["scrapers"][kind]] for kind in Scraper},
        "target_alerts": [*known["target_alerts"], *added.target_alerts],
        "ignore": [*known["ignore"], *added.ignore],
        "keep": added.keep,
    }
    return _compiled(msgspec.json.encode(rules))


def _pattern(patterns: Iterable[str]) -> re.Pattern[str]:
    """Any of the patterns; of none, nothing."""
    return re.compile("|".join(translate(one) for one in patterns) or r"(?!)", re.IGNORECASE)
