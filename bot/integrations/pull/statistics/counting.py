"""A window of rows as statistics, by statements that the database answers. Blocks."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from bot.domain.watched.monitor import FeatureKind, FeatureRules, WatchedModel
from bot.integrations.http import ToolFailure
from bot.integrations.pull.schema import UNKNOWN, kinds_of
from bot.integrations.pull.statistics import statements
from bot.integrations.pull.statistics.dialect import dialect_of
from bot.integrations.pull.warehouse import Session
from bot.model_store.columns import FEATURE, QUANTILE, SCORE, array_of, canonical
from bot.model_store.statistics import ColumnStatistics, Statistics
from detectors.drift.categories import Categorical, Tally
from detectors.drift.cells import Cell, Counts, edges_of, numeric_of, thresholds_of, too_full
from detectors.drift.profile import Column, Numeric, Profile
from detectors.drift.texts import category, is_missing

MOST_GROUPS = 1_000_000
"""Different values of a category: they come here."""
_PROBED = 100
_ROUNDS = 3
_LARGEST = float(np.finfo(np.float64).max)
_SHOWN = 4
_PLAIN = ("number", "boolean", "text", "moment")
_NO_FEATURES = ("id", "timestamp", "version", "label")


class Reading(NamedTuple):
    """How the columns are read: as the reference with this ``profile`` has them; without one "" and no columns."""

    profile: str
    features: Profile
    outputs: Profile


class Watching(NamedTuple):
    """A column: what it is called here, its reference, what is known of it."""

    name: str
    quoted: str
    kind: str
    before: Column | None
    rows: int
    rule: FeatureRules | None
    is_chance: bool


class Counting:
    """Of the rows that ``session`` is about, ``cursor`` among their columns."""

    def __init__(self, session: Session, cursor: str, model: WatchedModel, reading: Reading) -> None:
        self._session, self._cursor, self._model, self._reading = session, cursor, model, reading
        self._dialect = dialect_of(session.dialect)

    def statistics(self) -> Statistics:
        """Raises ToolFailure."""
        kinds = self._kinds()
        columns = [one for name, kind in kinds.items() if (one := self._watched(name, kind)) is not None]
        quoted = [one.quoted for one in columns]
        counts = self._session.answer(statements.filled(self._session.source, quoted, self._quoted(self._cursor)))
        rows = int(counts["n"][0].as_py())
        made = dict[str, ColumnStatistics]()
        for at, one in enumerate(columns):
            made[one.name] = self._column(one, rows, rows - int(counts[f"filled_{at}"][0].as_py()))
        outputs = {name for name in made if _is_output(name)}
        return Statistics(
            rows=rows,
            profile=self._reading.profile,
            features={name.removeprefix(FEATURE): one for name, one in made.items() if name not in outputs},
            outputs={name: one for name, one in made.items() if name in outputs},
            names=[name.removeprefix(FEATURE) for name in kinds if self._is_feature(name)],
            again=self._again() if "id" in kinds else None,
        )

    def _kinds(self) -> dict[str, str]:
        """The kinds of the columns, also of those that have no value in the first rows."""
        source = self._session.source
        kinds = kinds_of(self._session.answer(f"SELECT * FROM {source} LIMIT {_PROBED}"))
        for name in [name for name, kind in kinds.items() if kind == UNKNOWN]:
            quoted = self._quoted(name)
            some = self._session.answer(f"SELECT {quoted} AS value FROM {source} AND {quoted} IS NOT NULL LIMIT 1")
            kinds[name] = kinds_of(some)["value"]
        return kinds

    def _is_feature(self, name: str) -> bool:
        return not (name in _NO_FEATURES or name == self._cursor or _is_output(name))

    def _watched(self, name: str, kind: str) -> Watching | None:
        """None for what is not counted."""
        if not (self._is_feature(name) or _is_output(name)) or kind not in (*_PLAIN, UNKNOWN):
            return None
        plain = name.removeprefix(FEATURE)
        if plain in self._model.ignore:
            return None
        profile = self._reading.outputs if _is_output(name) else self._reading.features
        rule = None if _is_output(name) else self._model.features.get(plain)
        is_chance = name.startswith("score")
        return Watching(name, self._quoted(name), kind, profile.columns.get(plain), profile.rows, rule, is_chance)

    def _column(self, one: Watching, rows: int, missing: int) -> ColumnStatistics:
        is_number = one.kind != "text" if one.rule is None else one.rule.kind is FeatureKind.NUMERIC
        if one.before is not None:
            is_number = isinstance(one.before, Numeric)
        return self._numbers(one, rows) if is_number else self._categories(one, missing)

    def _numbers(self, one: Watching, rows: int) -> ColumnStatistics:
        number = self._dialect.number(one.quoted, one.kind)
        if number is None:
            raise ToolFailure(f"statistics: {one.name} holds moments, which {self._session.dialect} cannot count")
        before = one.before if isinstance(one.before, Numeric) else None
        edges = edges_of(before, one.rows) if before is not None else np.zeros(0)
        low, high = _bounds(one)
        thresholds = thresholds_of(edges, [-_LARGEST, math.inf, low, high])
        cells = self._cells(number, thresholds)
        counts = Counts(thresholds, cells, rows - sum(cell.rows for cell in cells))
        odd = 0
        if one.kind == "text" or (one.kind == "number" and self._dialect.mixes):
            asked = statements.not_numbers(self._session.source, one.quoted, number)
            odd = int(self._session.answer(asked)["n"][0].as_py())
        infinite = counts.below(-_LARGEST) + counts.rows - counts.below(math.inf)
        outside = counts.below(low) if low > -math.inf else 0
        outside += counts.rows - counts.below(high) if high < math.inf else 0
        outside -= infinite if one.is_chance else 0
        column = numeric_of(counts, edges)
        finer = counts._replace(cells=self._finer(number, counts))
        values = numeric_of(finer, np.zeros(0)).values.astype(column.values.dtype)
        exact = Numeric(values, column.rows, column.missing, column.known)
        return ColumnStatistics(exact, odd, outside, infinite)

    def _finer(self, number: str, counts: Counts) -> list[Cell]:
        """The cells, those that hold much parted further."""
        for _ in range(_ROUNDS):
            full, cells = too_full(counts), list[Cell]()
            for at, cell in enumerate(counts.cells):
                parts = self._cells(number, full[at], (cell.least, cell.greatest)) if at in full else []
                whole = sum(part.rows for part in parts) == cell.rows  # else rows changed in between
                cells += [part._replace(place=cell.place) for part in parts] if whole else [cell]
            counts = counts._replace(cells=cells)
            if not full:
                break
        return list(counts.cells)

    def _cells(self, number: str, thresholds: np.ndarray, within: tuple[float, float] | None = None) -> list[Cell]:
        found = self._session.answer(statements.cells(self._session.source, number, thresholds.tolist(), within))
        rows = zip(*(found[name].to_pylist() for name in ("place", "n", "least", "greatest")), strict=True)
        return [Cell(int(place), int(n), float(least), float(greatest)) for place, n, least, greatest in rows]

    def _categories(self, one: Watching, missing: int) -> ColumnStatistics:
        counted = self._session.answer(statements.groups(self._session.source, one.quoted, MOST_GROUPS + 1))
        if counted.num_rows > MOST_GROUPS:
            raise ToolFailure(
                f"statistics: {one.name} has more than {MOST_GROUPS:,} different values, which would all come here: "
                "leave it out of the query"
            )
        values = dict[object, int]()
        texts = array_of(canonical(pa.table({"value": counted["value"]}))["value"]).tolist()
        for value, count in zip(texts, counted["n"].to_pylist(), strict=True):
            values[value] = values.get(value, 0) + int(count)
        if isinstance(one.before, Categorical):
            column = one.before.read_counted(values, missing)
        else:
            tally = Tally()
            tally.add_counted({**values, None: missing})
            column = tally.column()
        strange = _not_allowed(values, one.rule)
        named = sorted(strange, key=strange.__getitem__, reverse=True)
        return ColumnStatistics(column, outside=sum(strange.values()), strange=[text[:80] for text in named[:_SHOWN]])

    def _again(self) -> int:
        """How many rows have an id that came before."""
        found = self._session.answer(statements.different(self._session.source, self._quoted("id")))
        return int(found["n"][0].as_py()) - int(found["different"][0].as_py())

    def _quoted(self, name: str) -> str:
        return self._session.quoted(name)


def _is_output(name: str) -> bool:
    return name in ("prediction", "score") or name.startswith((SCORE, QUANTILE))


def _bounds(one: Watching) -> tuple[float, float]:
    """What is less than the first, or not less than the second, is outside of what is allowed."""
    if one.is_chance:
        return 0.0, float(np.nextafter(1.0, 2.0))
    low = -math.inf if one.rule is None or one.rule.min is None else one.rule.min
    high = math.inf if one.rule is None or one.rule.max is None else float(np.nextafter(one.rule.max, math.inf))
    return low, high


def _not_allowed(values: Mapping[object, int], rule: FeatureRules | None) -> dict[str, int]:
    if rule is None or rule.values is None:
        return {}
    found = dict[str, int]()
    for value, count in values.items():
        if not is_missing(value) and category(value) not in rule.values:
            found[category(value)] = found.get(category(value), 0) + count
    return found
