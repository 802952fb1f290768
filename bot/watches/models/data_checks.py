"""The checks of data: quality, drift of features and of the model's outputs, drift of all columns together.

Pure: a window and a reference in, an outcome out. Each may take seconds: they are for threads.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bot.domain.event import Chart
from bot.domain.watched.figures import Measured
from bot.domain.watched.finding import FindingKind
from bot.domain.watched.monitor import FeatureKind, FeatureRules, MonitorRules, WatchedModel
from bot.model_store.features.texts import statistics_by_name
from bot.watches.models.concept import errors_of, profile_of_errors
from bot.watches.models.kinds.drift import DriftRules, LeastEffect
from bot.watches.models.kinds.registry import CheckSkipped, Outcome, few
from bot.watches.models.measuring.importance import by_importance, importance_of, with_importance
from bot.watches.models.measuring.looks import with_looks
from bot.watches.models.vectors.quality import vector_findings
from bot.watches.models.window import LoadedReference, Table, Window, chosen
from detectors.drift import quality
from detectors.drift.compared import bars, in_words
from detectors.drift.domain import Domain
from detectors.drift.domain import Sides as Halves
from detectors.drift.effect import Least
from detectors.drift.encoding import encoded
from detectors.drift.life import Life
from detectors.drift.packing import Array
from detectors.drift.profile import Column, Profile, as_numbers
from detectors.drift.texts import category, is_missing

_REFERENCE_ROWS = 4_000
_SHOWN = 8
_MOST_COLUMNS = 5


class Sides(NamedTuple):
    """A reference of a ``version``, and what came now as it reads it."""

    before: Profile
    after: Profile
    version: str
    importance: Mapping[str, float] = {}
    """The share that each feature has in what the model goes by, where that is known."""


def moved(sides: Sides, columns: Sequence[str]) -> list[str]:
    """By how much each of these columns moved, the first five of them."""
    lines = [
        in_words(name, sides.before.columns[name], sides.after.columns[name])
        for name in columns[:_MOST_COLUMNS]
        if name in sides.after.columns
    ]
    return lines + ([f"and {len(columns) - _MOST_COLUMNS} more"] if len(columns) > _MOST_COLUMNS else [])


def chart_of(sides: Sides, column: str) -> Chart | None:
    """The reference against now."""
    if column not in sides.before.columns or column not in sides.after.columns:
        return None
    found = bars(sides.before.columns[column], sides.after.columns[column])
    if not found.bins:
        return None
    return Chart(
        title=f"{column}: reference {sides.version} and now",
        x=list(found.bins),
        lines={"reference": list(found.reference), "now": list(found.now)},
        unit="% of rows",
    )


def check_quality(model: WatchedModel, window: Window, loaded: LoadedReference | None) -> Outcome:
    """Whether the rows are well formed: beside the reference, and by what tandem.yaml gives for the features."""
    table = {name: column for name, column in window.table.features.items() if name not in model.ignore}
    known_columns = Profile(0, _without(loaded.features.columns, window.table.vectors)) if loaded else None
    found = quality.findings(known_columns, table) if known_columns and window.table.rows else []
    found = [one for one in found if not (loaded and _is_beside_the_point(one, loaded))]
    found += vector_findings(model, window.table, loaded)
    found += outputs_findings(model, window.table)
    known = {(finding.kind, finding.column) for finding in found}
    found += [one for one in _against_rules(model.features, table) if (one.kind, one.column) not in known]
    again = quality.duplicates([str(one) for one in window.ids])
    found += [again] if again else []
    shown = Profile(0, _without(loaded.features.columns, loaded.features.texts)) if loaded else None
    sides = Sides(shown, shown.read(table), loaded.version) if loaded and shown else None
    return told_of_quality(found, window.table.rows, sides)


def told_of_quality(found: list[quality.Finding], rows: int, sides: Sides | None) -> Outcome:
    """The outcome of a check of quality, the most frequent finding first."""
    found.sort(key=lambda finding: -finding.share)
    features = list(dict.fromkeys(finding.column for finding in found if finding.column))
    lines = [finding.text for finding in found]
    if not found:
        return _shown(Outcome(b"", False, f"{rows} rows are well formed"), sides, "missing")
    chart = chart_of(sides, features[0]) if sides and features else None
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    outcome = Outcome(b"", True, lines[0], [*lines[:_SHOWN], *more], features, chart, _QUALITY)
    return _shown(outcome, sides, "missing")


def _shown(outcome: Outcome, sides: Sides | None, metric: str = "psi") -> Outcome:
    return with_looks(outcome, sides.before, sides.after, metric) if sides else outcome


def _is_beside_the_point(one: quality.Finding, loaded: LoadedReference) -> bool:
    """A text is new as a rule, and what is wrong with vectors is for who knows them."""
    is_text, is_vector = one.column in loaded.features.texts, one.column in loaded.features.vectors
    return (is_text and one.kind in ("category", "constant")) or (is_vector and one.kind == "schema")


def _without(columns: Mapping[str, Column], others: Collection[str]) -> dict[str, Column]:
    return {name: column for name, column in columns.items() if name not in others}


_QUALITY = "a finding that depends on counts comes by chance once in a million checks of a column"


def outputs_findings(model: WatchedModel, table: Table) -> Iterator[quality.Finding]:
    """What the model answered that it cannot mean: infinite numbers, and scores that are no probabilities."""
    orders = any(getattr(monitor, "group", None) for monitor in model.monitors.values())
    for name, column in table.outputs().items():
        numbers = as_numbers(column) if column.dtype.kind in "iuf" else np.zeros(0)
        infinite = int(np.count_nonzero(np.isinf(numbers)))
        if infinite:
            text = f"{infinite} of {table.rows} values of {name} are infinite"
            yield quality.Finding("infinite", name, infinite / table.rows, text)
        outside = int(np.count_nonzero(np.isfinite(numbers) & ((numbers < 0) | (numbers > 1))))
        if outside and name.startswith("score") and not orders:
            text = f"{outside} of {table.rows} values of {name} are no probabilities between 0 and 1"
            yield quality.Finding("range", name, outside / table.rows, text)


def _against_rules(rules: Mapping[str, FeatureRules], table: Mapping[str, Array]) -> Iterator[quality.Finding]:
    for name, rule in rules.items():
        if rule.kind is FeatureKind.EMBEDDING:
            continue  # see vectors
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


def check_drift(
    monitor: DriftRules, model: WatchedModel, blob: bytes, window: Window, loaded: LoadedReference
) -> Outcome:
    """Whether any column's distribution is another than the reference's: the features', or of what the model says."""
    before, table = compared(monitor, model, window.table, loaded)
    importance = importance_of(model, loaded) if monitor.kind == FindingKind.DRIFT else {}
    sides = Sides(before, before.read(table), loaded.version, importance)
    return judge_drift(monitor, blob, window.table.rows, sides)


def judge_drift(monitor: DriftRules, blob: bytes, rows: int, sides: Sides) -> Outcome:
    """The next step in the life of a drift monitor."""
    before, after = sides.before, sides.after
    life = Life.restore(blob) if blob else None
    if life is None or life.monitor.bins.keys() != before.columns.keys():
        life = Life.against(before, monitor.alpha, seed_of(monitor))
    least = monitor.effect
    standing = life.update(before, after, Least(least.psi, least.wasserstein, least.columns))
    guarantee = f"a false alarm in its whole life with a chance of {monitor.alpha:.2g} at most, over all columns"
    guarantee += _tolerated(least)
    if not standing.drifted:
        small = ", or less than counts" if life.monitor.drift else ""
        summary = f"no drift of {len(before.columns)} columns in {rows} rows{small}"
        return _shown(Outcome(life.state(), False, summary, guarantee=guarantee), sides)
    columns = by_importance(standing.columns, sides.importance, before, after)
    lines = with_importance(moved(sides, columns), columns, sides.importance)
    summary = f"{few(columns)} drifted from the reference {sides.version}: {'; '.join(lines[:2])}"
    chart = chart_of(sides, columns[0])
    return _shown(Outcome(life.state(), True, summary, lines, columns, chart, guarantee), sides)


def _tolerated(least: LeastEffect) -> str:
    given = {"a PSI of": least.psi, "a Wasserstein distance in deviations of": least.wasserstein}
    words = [f"{name} {value:g}" for name, value in given.items() if value]
    return f", while none moves by more than {' and '.join(words)}" if words else ""


def compared(
    monitor: MonitorRules, model: WatchedModel, table: Table, loaded: LoadedReference
) -> tuple[Profile, Mapping[str, Array]]:
    """The reference's profile of what the monitor looks at, and the window's columns. Raises CheckSkipped."""
    if monitor.kind == FindingKind.PREDICTION_DRIFT:
        return outputs_compared(loaded), table.outputs()
    if monitor.kind == FindingKind.CONCEPT_DRIFT:
        if "errors" not in loaded.fitted:
            loaded.fitted["errors"] = profile_of_errors(loaded)
        return loaded.fitted["errors"], errors_of(table, loaded.table)
    if monitor.kind == FindingKind.DRIFT and monitor.engine == "tandem":
        return _with_texts(model, loaded, table)
    return features_compared(model, loaded), table.features


def outputs_compared(loaded: LoadedReference) -> Profile:
    """What the model answered on the reference. Raises CheckSkipped."""
    if not loaded.outputs.columns:
        raise CheckSkipped(f"the reference {loaded.version} has no predictions: put prediction or score in it")
    return loaded.outputs


def features_compared(model: WatchedModel, loaded: LoadedReference) -> Profile:
    """The reference's features that are watched, without texts. Raises CheckSkipped."""
    columns = _watched(model, loaded)
    if not columns:
        raise CheckSkipped(f"the reference {loaded.version} has none of the columns that are watched")
    return Profile(loaded.features.rows, columns)


def _watched(model: WatchedModel, loaded: LoadedReference) -> dict[str, Column]:
    known, wanted = loaded.features, model.features or loaded.features.columns.keys()
    names = [name for name in known.columns if name in wanted and name not in model.ignore and name not in known.texts]
    return {name: known.columns[name] for name in names}


def _with_texts(model: WatchedModel, loaded: LoadedReference, table: Table) -> tuple[Profile, Mapping[str, Array]]:
    """The features that are watched, and statistics of each text. Raises CheckSkipped."""
    texts = {name: text for name, text in loaded.features.texts.items() if name in model.features}
    if not texts:
        return features_compared(model, loaded), table.features
    columns, now = _watched(model, loaded), dict(table.features)
    for name, known in texts.items():
        columns |= {f"{name}.{statistic}": column for statistic, column in known.statistics.items()}
        if name in now:
            now |= statistics_by_name(name, now[name], known)
    return Profile(loaded.features.rows, columns), now


def check_together(
    monitor: MonitorRules, model: WatchedModel, blob: bytes, window: Window, loaded: LoadedReference
) -> Outcome:
    """Whether a classifier can tell the window's rows from the reference's."""
    before, table = compared(monitor, model, window.table, loaded)
    names = list(before.columns)
    domain = Domain.restore(blob) if blob else Domain(monitor.alpha, seed_of(monitor))
    seen = domain.update(Halves.of(reference_rows(before, loaded, names)), encoded(before, table, names))
    guarantee = f"a false alarm in its whole life with a chance of {monitor.alpha:.2g} at most"
    measured = Measured("roc_auc", round(float(seen.apart), 6), reference=0.5)
    if not seen.drifted:
        summary = f"{len(names)} columns together are as in the reference {loaded.version}"
        return Outcome(domain.state(), False, summary, guarantee=guarantee, measured=measured)
    features = [names[place] for place in seen.shares]
    sides = Sides(before, before.read(table), loaded.version)
    shares = [
        f"{names[place]}: {share:.0%} of what gives it away".replace("%", " %") for place, share in seen.shares.items()
    ]
    where = f", by {few(features)}" if features else ""
    summary = f"new rows are told from the reference {loaded.version}{where} (ROC AUC {seen.apart:.2f})"
    chart = chart_of(sides, features[0]) if features else None
    return Outcome(domain.state(), True, summary, shares, features, chart, guarantee, measured)


def reference_rows(before: Profile, loaded: LoadedReference, names: list[str], most: int = _REFERENCE_ROWS) -> Array:
    """Some of the reference's rows as a matrix, chosen at random, but the same each time."""
    rows = loaded.table.rows
    mask = np.zeros(rows, dtype=bool)
    mask[np.random.default_rng(0).permutation(rows)[:most]] = True
    return encoded(before, chosen(loaded.table, mask).features, names)


def seed_of(monitor: MonitorRules) -> int:
    """The seed of a monitor's random choices: the same for the same name."""
    return sum(byte << 8 * (place % 4) for place, byte in enumerate(monitor.known_as.encode())) % 2**31
