"""The kinds of monitors that are known. A new one is a new file in this folder, found by itself:

@monitor("volume", alertname="ModelVolume", rules=VolumeRules)
def check(rules: VolumeRules, given: CheckInput) -> Outcome: ...

Configuration is validated with the rules of the kind, so a file here must load quickly: what needs numpy or
scikit-learn is imported inside the check.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from pydantic import BaseModel
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from bot.domain.event import Chart
from bot.domain.watched.figures import ColumnLook, Measured
from bot.domain.watched.finding import FindingKind
from bot.domain.watched.monitor import MonitorRules, WatchedModel
from bot.errors import TandemError

if TYPE_CHECKING:
    from bot.model_store.statistics import Statistics
    from bot.watches.models.window import LoadedReference, Window


class CheckSkipped(TandemError):
    """A check cannot be made; the message says what is missing."""


class Outcome(msgspec.Struct, frozen=True):
    """The result of a check: ``state`` is what it learnt, ``summary`` one line, ``details`` a line each.

    ``features`` are those that it is about, the surest first; ``measured`` are its figures, ``looks`` columns beside
    their reference.
    """

    state: bytes
    firing: bool
    summary: str
    details: list[str] = []
    features: list[str] = []
    chart: Chart | None = None
    guarantee: str = ""
    measured: Measured | None = None
    looks: list[ColumnLook] = []
    seasons: Mapping[str, bytes] = {}
    """With a seasonal reference: what the check learnt, by season."""


@dataclass(frozen=True)
class CheckInput:
    """What a check works on. ``state`` is what the last check of the monitor learnt, empty at its beginning."""

    model: WatchedModel
    state: bytes
    window: Window
    reference: LoadedReference | None
    counted: Statistics | None = None

    def loaded(self) -> LoadedReference:
        """The reference, for kinds that need one."""
        assert self.reference is not None
        return self.reference


Check = Callable[[Any, CheckInput], Outcome]
"""The rules and the input to an outcome. Pure; it may take seconds, and runs in a thread. Raises CheckSkipped."""


class MonitorKind(NamedTuple):
    """``of_labels``: labels fill its window, and their predictions are joined. ``by_alibi``: ``engine: alibi`` can
    make its check too. ``family`` is what errors call the kinds that share its keys."""

    name: str
    alertname: str
    rules: type[MonitorRules]
    check: Check
    of_labels: bool
    needs_reference: bool
    by_alibi: bool
    family: str
    check_counted: Check | None = None
    """The check of statistics that a database made, for kinds that need no rows."""


_known: dict[str, MonitorKind] = {}


def monitor(
    kind: str,
    *,
    alertname: str,
    rules: type[MonitorRules] = MonitorRules,
    of_labels: bool = False,
    needs_reference: bool = True,
    by_alibi: bool = False,
    family: str = "",
    check_counted: Check | None = None,
) -> Callable[[Check], Check]:
    """Register the check of a kind. Raises ValueError where the kind is taken."""

    def register(check: Check) -> Check:
        if kind in _known:
            raise ValueError(f"two kinds of monitors are named {kind!r}")
        called = family or f"kind {kind}"
        _known[kind] = MonitorKind(
            kind, alertname, rules, check, of_labels, needs_reference, by_alibi, called, check_counted
        )
        return check

    return register


@cache
def _load() -> None:
    package = importlib.import_module("bot.watches.models.kinds")
    for module in pkgutil.iter_modules(package.__path__, "bot.watches.models.kinds."):
        importlib.import_module(module.name)
    in_order = sorted(_known.items(), key=lambda item: item[1].check.__module__)  # whatever was imported before
    _known.clear()
    _known.update(in_order)


def all_kinds() -> Mapping[str, MonitorKind]:
    """Every kind, after importing every module of this folder."""
    _load()
    return _known


def kind_of(rules: MonitorRules) -> MonitorKind:
    kind = all_kinds()[rules.kind]
    return kind if rules.of_labels is None else kind._replace(of_labels=rules.of_labels)


def needs_rows(rules: MonitorRules) -> str:
    """Why statistics that a database made do not suffice for a monitor; empty where they do."""
    kind = kind_of(rules)
    if rules.by is not None:
        return "by: version judges the rows of each version apart"
    if rules.engine != "tandem":
        return f"engine: {rules.engine} is given rows"
    if kind.of_labels:
        return "it joins labels with the rows that they are for"
    if kind.check_counted is None:
        return "it looks at each row as a whole"
    return rules.needs_rows


def rules_from(raw: Any) -> Any:
    """A monitor of tandem.yaml as the rules of its kind. Raises ValidationError."""
    if not isinstance(raw, Mapping):
        return raw
    kind = all_kinds().get(raw.get("kind", ""))
    if kind is None:
        raise _unknown_kind(raw)
    for key, value in raw.items():
        if key not in kind.rules.model_fields:
            _refuse_key_of_others(str(key), value, kind)
    if raw.get("engine") == "alibi" and not kind.by_alibi:
        able = ", ".join(one.name for one in all_kinds().values() if one.by_alibi)
        raise ValueError(f"engine: alibi is for monitors of kind {able}")
    given = {key: value for key, value in raw.items() if value is not None or key in kind.rules.model_fields}
    return kind.rules.model_validate(given)


def keys_of_monitors() -> list[str]:
    """What may be given for monitors, of any kind."""
    return list(dict.fromkeys(key for kind in all_kinds().values() for key in kind.rules.model_fields))


def _refuse_key_of_others(key: str, value: object, kind: MonitorKind) -> None:
    families = {one.family for one in all_kinds().values() if key in one.rules.model_fields}
    if families and value is not None:
        able = ", ".join(sorted(families, key=_alone_last))
        raise ValueError(f"{key} is for monitors of {able}, and this one is of kind {kind.name}")


def _alone_last(family: str) -> tuple[bool, str]:
    return family.startswith("kind "), family


def _unknown_kind(raw: Mapping[str, Any]) -> ValidationError:
    given = raw.get("kind")
    if given is None:
        why = PydanticCustomError("missing", "Field required")
    else:
        close = difflib.get_close_matches(str(given), all_kinds(), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        usual = [kind.value for kind in FindingKind if kind in all_kinds()]
        known = ", ".join(map(repr, dict.fromkeys([*usual, *all_kinds()])))
        why = PydanticCustomError("monitor_kind", "{text}", {"text": f"Input should be {known}{hint}"})
    details = InitErrorDetails(type=why, loc=("kind",), input=given)
    return ValidationError.from_exception_data("monitor", [details])


_LATER = ("average", "quantile", "checked_within", "least_effect", "by", "online", "column")


def written_as_before(rules: BaseModel) -> dict[str, Any]:
    """The rules of a monitor as JSON in the order of keys by which the states of monitors have always been kept.

    A key that the kind does not have stands there as null, and a key that came later does not where it is not given:
    the digest of an unchanged monitor never changes.
    """
    keys = ("kind", "name", "window", "alpha", "engine", "metric", "worse_by", "minimum", "maximum", "group", "slices")
    given = rules.model_dump(mode="json")
    later = {key for key in _LATER if given.get(key) is None} | {"checked_within", "explain"}
    written = {key: value for key, value in given.items() if key not in later}
    return dict.fromkeys((*keys, "fresh_within", "severity")) | written


def few(names: Sequence[str]) -> str:
    """``a, b and 3 more``."""
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
