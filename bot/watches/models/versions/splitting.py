"""A monitor with `by: version`: the rows of each version of the model are judged by themselves, by a test of their own.

Bounded: at most MOST versions have a state. One that comes new takes the place of one that is not among the rows.
"""

import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import numpy as np

from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.kinds.registry import Outcome, few
from bot.watches.models.memory import MonitorState
from bot.watches.models.window import Table, Window, chosen
from detectors.drift.packing import Array
from detectors.drift.texts import is_missing

MOST = 20
"""Versions of a model that a monitor judges apart."""
UNNAMED = ""
"""The version of rows that name none."""
_LONGEST = 100
_NEVER = datetime.min.replace(tzinfo=UTC)


class Part(NamedTuple):
    """The rows of one version. ``place`` counts the versions that the monitor ever judged, from 1."""

    version: str
    place: int
    window: Window


class Parts(NamedTuple):
    """``ended`` are versions that give way to newer ones, ``left_out`` those for which there is no room."""

    parts: list[Part]
    ended: list[str]
    left_out: list[str]


def parts_of(window: Window, states: Mapping[str, MonitorState], judged: int) -> Parts:
    """The rows by version; ``judged`` is how many versions there ever were."""
    codes, coded = _coded(window.table)
    new = [version for version in codes if version not in states]
    absent = [version for version in states if version not in codes]
    absent.sort(key=lambda version: (states[version].checked_at or _NEVER, states[version].place))
    room = max(MOST - len(states), 0)
    admitted = new[::-1][: room + len(absent)][::-1]  # the latest, where there is no room for all
    ended = absent[: max(len(admitted) - room, 0)]
    places = {version: state.place for version, state in states.items()}
    places |= {version: judged + at for at, version in enumerate(admitted, start=1)}
    there = [version for version in codes if version in places]
    parts = [Part(version, places[version], _some(window, coded == codes[version])) for version in there]
    return Parts(parts, ended, [version for version in new if version not in admitted])


def rules_of(rules: MonitorRules, part: Part) -> MonitorRules:
    """The k-th version has the part 6/(π²k²) of alpha, so that the monitor keeps its promise over all of them."""
    return shared(rules, part.place)


def shared(rules: MonitorRules, place: int) -> MonitorRules:
    """The rules of the k-th test of a monitor, of however many there will be."""
    return rules.model_copy(update={"alpha": rules.alpha * 6 / (math.pi * place) ** 2})


def in_words(version: str) -> str:
    return f"version {version}" if version else "rows without a version"


def with_usual(outcome: Outcome, version: str, reference: str) -> Outcome:
    """The outcome, which says that the version had no reference of its own."""
    beside = f"it is compared with {reference}" if reference else "and the model has none"
    note = f"there is no reference of {in_words(version)}: {beside}"
    return msgspec.structs.replace(outcome, summary=f"{outcome.summary} ({note})", details=[*outcome.details, note])


def whole(firing: list[str], good: list[str], unchecked: list[str], parts: Parts) -> Outcome:
    """What the monitor says as a whole: it finds nothing itself, its versions do."""
    told = [f"{few(list(map(in_words, firing)))} found wanting"] if firing else []
    told += [f"nothing found for {few(list(map(in_words, good)))}"] if good else []
    told += [f"not checked: {few(list(map(in_words, unchecked)))}"] if unchecked else []
    left_out = few(list(map(in_words, parts.left_out)))
    told += [f"not judged, as {MOST} at most are: {left_out}"] if left_out else []
    return Outcome(b"", False, "; ".join(told))


def _coded(table: Table) -> tuple[dict[str, int], Array]:
    """The versions in the order in which they first come, each with a number; and each row's number."""
    if table.versions is None:
        return {UNNAMED: 0}, np.zeros(table.rows, dtype=np.int64)
    given = table.versions.tolist()
    names = {value: _name(value) for value in dict.fromkeys(given)}
    codes = {name: code for code, name in enumerate(dict.fromkeys(names.values()))}
    return codes, np.fromiter((codes[names[value]] for value in given), dtype=np.int64, count=len(given))


def _name(value: object) -> str:
    """The version as it is shown and kept: bounded, and printable."""
    text = UNNAMED if is_missing(value) else str(value).strip()
    if len(text) <= _LONGEST and text.isprintable():
        return text
    clean = "".join(letter if letter.isprintable() else "?" for letter in text[: _LONGEST - 20])
    return f"{clean}~{hashlib.blake2b(text.encode('utf-8', 'replace'), digest_size=4).hexdigest()}"


def _some(window: Window, mask: Array) -> Window:
    """The window's rows of a version. A feature that only other versions send is none of its."""
    if mask.all():
        return window
    table = chosen(window.table, mask)
    features = {name: column for name, column in table.features.items() if not _is_empty(column)}
    vectors = {name: column for name, column in table.vectors.items() if column.null_count < len(column)}
    known = set(table.ids.tolist()) if table.ids is not None else set[object]()
    ids = [one for one in window.ids if one in known]
    return window._replace(table=table._replace(features=features, vectors=vectors), ids=ids)


def _is_empty(column: Array) -> bool:
    if column.dtype.kind == "f":
        return bool(np.isnan(column).all())
    return column.dtype == object and all(is_missing(value) for value in column.tolist())
