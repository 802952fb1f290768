"""The vectors of a window beside those of its reference."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bot.domain.watched.monitor import WatchedModel
from bot.model_store.features.vectors import sizes_of, vectors_of
from bot.watches.models.kinds.registry import CheckSkipped, few
from bot.watches.models.window import LoadedReference, Table
from detectors.drift.packing import Array
from detectors.embeddings.profile import VectorProfile, count
from detectors.embeddings.space import Read, Space
from detectors.embeddings.vectors import at_once


class Sound(NamedTuple):
    """The vectors of a feature that can be compared, as the reference's space reads them, and their ids."""

    name: str
    called: str
    reference: VectorProfile
    space: Space
    read: Read
    ids: Array
    missed: int


def features_of(model: WatchedModel, loaded: LoadedReference) -> Mapping[str, VectorProfile]:
    """The vectors of the reference that are watched: where tandem.yaml names features, those. Raises CheckSkipped."""
    known = loaded.features.vectors
    wanted = {name: one for name, one in known.items() if not model.features or name in model.features}
    if not wanted:
        raise CheckSkipped(
            f"the reference {loaded.version} has no vectors that are watched: put lists of numbers of one size in it"
        )
    small = [name for name, one in wanted.items() if one.space is None]
    if len(small) == len(wanted):
        raise CheckSkipped(f"the reference {loaded.version} has too few vectors of {few(small)} to compare with")
    return {name: one for name, one in wanted.items() if one.space is not None}


def sound_vectors(model: WatchedModel, name: str, reference: VectorProfile, table: Table) -> Sound | None:
    """The vectors of a window that have the reference's size and are finite; None where there are none."""
    if name not in table.vectors or reference.space is None:
        return None
    column = table.vectors[name]
    vectors = vectors_of(column)
    _, places = count(vectors, reference.size)
    most = at_once(reference.size)
    if len(places) > most:
        places = places[np.linspace(0, len(places) - 1, most).astype(np.int64)]
    if not len(places):
        return None
    ids = table.ids[places] if table.ids is not None else places.astype(str).astype(object)
    missed = int(np.count_nonzero(sizes_of(column) != 0)) - len(places)
    read = reference.space.read(vectors.rows_at(places))
    return Sound(name, called(model, name), reference, reference.space, read, ids, missed)


def called(model: WatchedModel, name: str) -> str:
    """What messages call the vectors of a feature."""
    rule = model.features.get(name)
    return rule.of if rule is not None and rule.of else f"vectors of {name}"
