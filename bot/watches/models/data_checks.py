"""The checks of data: quality, drift of features and of what the model says, drift of all columns together.

Pure: a window and a reference in, an outcome out. Each may take seconds: they are for threads.
"""

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from bot.domain.watched.monitor import FeatureKind, FeatureRules, MonitorKind, MonitorRules, WatchedModel
from bot.watches.models.window import Known, Table, Window, chosen
from bot.watches.models.wording import Outcome, Sides, Unchecked, chart_of, few, moved
from detectors.drift import quality
from detectors.drift.categories import category, is_missing
from detectors.drift.domain import Domain
from detectors.drift.domain import Sides as Halves
from detectors.drift.encoding import encoded
from detectors.drift.life import Life
from detectors.drift.packing import Array
from detectors.drift.profile import Profile, as_numbers, build

_REFERENCE_ROWS = 4_000
_SHOWN = 8
_MOST_CLASSES = 20


def check_quality(model: WatchedModel, window: Window, known: Known | None) -> Outcome:
    """Whether the rows are well formed: beside the reference, and by what is said of the features in tandem.yaml."""
    table = window.table.features
    found = quality.findings(known.features, table) if known and window.table.rows else []
    told = {(finding.kind, finding.column) for finding in found}
    found += [one for one in _against_rules(model.features, table) if (one.kind, one.column) not in told]
    again = quality.duplicates([str(one) for one in window.ids])
    found += [again] if again else []
    found.sort(key=lambda finding: -finding.share)
    features = list(dict.fromkeys(finding.column for finding in found if finding.column))
    lines = [finding.text for finding in found]
    if not found:
        return Outcome(b"", False, f"{window.table.rows} rows are well formed")
    sides = Sides(known.features, known.features.read(table), known.reference.version) if known else None
    chart = chart_of(sides, features[0]) if sides and features else None
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return Outcome(b"", True, lines[0], [*lines[:_SHOWN], *more], features, chart, _QUALITY)


_QUALITY = "a finding that depends on counts comes by chance once in a million checks of a column"


def _against_rules(rules: Mapping[str, FeatureRules], table: Mapping[str, Array]) -> Iterator[quality.Finding]:
    for name, rule in rules.items():
        if name not in table:
            yield quality.Finding("schema", name, 1.0, f"{name} is not there")
            continue
        raw = np.asarray(table[name])
        if not len(raw):
            continue
        if rule.kind is FeatureKind.NUMERIC:
            yield from _numbers_against_rules(name, rule, raw)
        elif rule.values is not None:
            new = [value for value in raw.tolist() if not is_missing(value) and category(value) not in rule.values]
            if new:
                text = f"{len(new)} of {len(raw)} values of {name} are not allowed: {few(_apart(new))}"
                yield quality.Finding("category", name, len(new) / len(raw), text)


def _apart(values: list[object]) -> list[str]:
    return list(dict.fromkeys(category(value)[:80] for value in values))


def _numbers_against_rules(name: str, rule: FeatureRules, raw: Array) -> Iterator[quality.Finding]:
    numbers = as_numbers(raw)
    odd = sum(not is_missing(value) for value in raw[np.isnan(numbers)].tolist())
    if odd:
        yield quality.Finding("type", name, odd / len(raw), f"{odd} of {len(raw)} values of {name} are no numbers")
    low = -np.inf if rule.min is None else rule.min
    high = np.inf if rule.max is None else rule.max
    outside = int(np.count_nonzero((numbers < low) | (numbers > high)))
    if outside:
        text = f"{outside} of {len(raw)} values of {name} are outside {low:g} … {high:g}"
        yield quality.Finding("range", name, outside / len(raw), text)


def check_drift(monitor: MonitorRules, model: WatchedModel, packed: bytes, window: Window, known: Known) -> Outcome:
    """Whether any column's distribution is another than the reference's: the features', or of what the model says."""
    before, table = compared(monitor, model, window.table, known)
    after = before.read(table)
    life = Life.restore(packed) if packed else Life.against(before, monitor.alpha, seed_of(monitor))
    standing = life.update(before, after)
    sides = Sides(before, after, known.reference.version)
    guarantee = f"a false alarm in its whole life with a chance of {monitor.alpha:.2g} at most, over all columns"
    if not standing.drifted:
        said = f"no drift of {len(before.columns)} columns in {window.table.rows} rows"
        return Outcome(life.state(), False, said, guarantee=guarantee)
    lines = moved(sides, standing.columns)
    said = f"{few(standing.columns)} drifted from the reference {known.reference.version}: {'; '.join(lines[:2])}"
    chart = chart_of(sides, standing.columns[0])
    return Outcome(life.state(), True, said, lines, standing.columns, chart, guarantee)


def compared(
    monitor: MonitorRules, model: WatchedModel, table: Table, known: Known
) -> tuple[Profile, Mapping[str, Array]]:
    """The reference's profile of what the monitor looks at, and the window's columns. Raises Unchecked."""
    if monitor.kind is MonitorKind.PREDICTION_DRIFT:
        before, now = known.outputs, table.outputs()
        wanted: Collection[str] = before.columns.keys()
        if not wanted:
            raise Unchecked(
                f"the reference {known.reference.version} has no predictions: put prediction or score in it"
            )
    elif monitor.kind is MonitorKind.CONCEPT_DRIFT:
        if "errors" not in known.fitted:
            known.fitted["errors"] = build(_errors(known.table, known.table))
        before, now = known.fitted["errors"], _errors(table, known.table)
        wanted = before.columns.keys()
    else:
        before, now = known.features, dict(table.features)
        wanted = model.features or before.columns.keys()
    columns = {name: column for name, column in before.columns.items() if name in wanted}
    if not columns:
        raise Unchecked(f"the reference {known.reference.version} has none of the columns that are watched")
    return Profile(before.rows, columns), now


def _errors(table: Table, reference: Table) -> dict[str, Array]:
    """What was predicted beside what was true: the difference of numbers, the pair of classes. Raises Unchecked.

    Where the inputs drift and the model is as good for all of them, that stays as it is: what changes it is a drift of
    the concept, of what is true of the same inputs.
    """
    if reference.prediction is None or reference.label is None:
        raise Unchecked("a drift of the concept is told from a reference with labels and predictions")
    if table.prediction is None or table.label is None:
        raise Unchecked("there are no predictions with labels")
    if _are_numbers(reference.label) and _are_numbers(reference.prediction):
        with np.errstate(invalid="ignore"):
            return {"error": as_numbers(table.prediction) - as_numbers(table.label)}
    pairs = zip(table.prediction.tolist(), table.label.tolist(), strict=True)
    return {"said and true": np.array([f"{category(said)}, {category(true)}" for said, true in pairs], dtype=object)}


def _are_numbers(column: Array) -> bool:
    """Numbers, and not the few of them that stand for classes."""
    return column.dtype.kind in "iuf" and len(np.unique(column[~np.isnan(as_numbers(column))])) > _MOST_CLASSES


def check_together(monitor: MonitorRules, model: WatchedModel, packed: bytes, window: Window, known: Known) -> Outcome:
    """Whether a classifier can tell the window's rows from the reference's."""
    before, table = compared(monitor, model, window.table, known)
    names = list(before.columns)
    domain = Domain.restore(packed) if packed else Domain(monitor.alpha, seed_of(monitor))
    seen = domain.update(Halves.of(reference_rows(before, known, names)), encoded(before, table, names))
    guarantee = f"a false alarm in its whole life with a chance of {monitor.alpha:.2g} at most"
    if not seen.drifted:
        said = f"{len(names)} columns together are as in the reference {known.reference.version}"
        return Outcome(domain.state(), False, said, guarantee=guarantee)
    features = [names[place] for place in seen.shares]
    sides = Sides(before, before.read(table), known.reference.version)
    shares = [
        f"{names[place]}: {share:.0%} of what gives it away".replace("%", " %") for place, share in seen.shares.items()
    ]
    where = f", by {few(features)}" if features else ""
    said = f"new rows are told from the reference {known.reference.version}{where} (ROC AUC {seen.apart:.2f})"
    chart = chart_of(sides, features[0]) if features else None
    return Outcome(domain.state(), True, said, shares, features, chart, guarantee)


def reference_rows(before: Profile, known: Known, names: list[str], most: int = _REFERENCE_ROWS) -> Array:
    """Some of the reference's rows as a matrix, chosen by a lot that falls the same each time."""
    rows = known.table.rows
    mask = np.zeros(rows, dtype=bool)
    mask[np.random.default_rng(0).permutation(rows)[:most]] = True
    return encoded(before, chosen(known.table, mask).features, names)


def seed_of(monitor: MonitorRules) -> int:
    """The lots of a monitor: the same for the same name."""
    return sum(byte << 8 * (place % 4) for place, byte in enumerate(monitor.known_as.encode())) % 2**31
