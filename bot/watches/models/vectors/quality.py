"""Whether the vectors of a window are well formed: of the size that they had, without gaps and infinite numbers."""

from collections.abc import Iterator

import numpy as np

from bot.domain.watched.monitor import FeatureKind, WatchedModel
from bot.model_store.features.vectors import vectors_of
from bot.watches.models.window import LoadedReference, Table
from detectors.drift.quality import Finding
from detectors.drift.texts import is_missing
from detectors.embeddings.quality import findings
from detectors.embeddings.vectors import usual_size


def vector_findings(model: WatchedModel, table: Table, loaded: LoadedReference | None) -> Iterator[Finding]:
    """Beside the reference, and by the sizes of tandem.yaml."""
    known = loaded.features.vectors if loaded else {}
    declared = {name: rule for name, rule in model.features.items() if rule.kind is FeatureKind.EMBEDDING}
    for name in dict.fromkeys([*known, *declared]):
        if name in model.ignore or not table.rows:
            continue
        reference = known.get(name)
        size = (declared[name].size if name in declared else None) or (reference.size if reference else 0)
        if name in table.vectors:
            yield from findings(name, vectors_of(table.vectors[name]), size, reference.counted if reference else None)
        elif name not in table.features:
            yield Finding("schema", name, 1.0, f"{name} is not there")
        else:
            yield from _no_vectors(name, table)
    yield from _unexpected(model, table, loaded)


def _no_vectors(name: str, table: Table) -> Iterator[Finding]:
    """Of a column that holds something else, or nothing."""
    values = table.features[name]
    missing = np.isnan(values) if values.dtype.kind == "f" else np.array([is_missing(one) for one in values.tolist()])
    if missing.all():
        yield Finding("missing", name, 1.0, f"all {table.rows} vectors of {name} are missing")
    else:
        yield Finding("type", name, 1.0, f"{name} holds no vectors, as it did")


def _unexpected(model: WatchedModel, table: Table, loaded: LoadedReference | None) -> Iterator[Finding]:
    """Vectors where the reference has numbers or text, or nothing although it has other vectors."""
    if loaded is None:
        return
    for name, column in table.vectors.items():
        if name in loaded.features.vectors or name in model.ignore or name in model.features:
            continue
        if name in loaded.features.columns:
            size = usual_size(vectors_of(column).sizes)
            yield Finding("type", name, 1.0, f"{name} holds vectors of {size} numbers, and none in the reference")
        elif loaded.features.vectors:
            yield Finding("schema", name, 1.0, f"{name} is new")
