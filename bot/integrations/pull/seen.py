"""The ids of rows that were read lately, so that of what is read again only new rows are taken. Pure."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bot.domain.event import RowsKind
from bot.integrations.pull.moments import all_microseconds
from bot.model_store.id_segments import hashes_of
from detectors.drift.packing import Array

MOST_SEEN = 2_000_000
"""Ids that are kept: 32 MB."""


class Ids(NamedTuple):
    """``hashes`` of ids, and the ``moments`` of their rows in microseconds; of equal length, in any order."""

    hashes: Array
    moments: Array

    @classmethod
    def none(cls) -> "Ids":
        return cls(np.zeros(0, np.uint64), np.zeros(0, np.int64))

    @classmethod
    def of(cls, rows: pa.Table, cursor: str, holds: RowsKind) -> "Ids":
        """A label that is corrected is a row of its own; a prediction is what its id says."""
        return cls(hashes_of(_names(rows, holds)), all_microseconds(rows[cursor]))

    @classmethod
    def read(cls, table: pa.Table) -> "Ids":
        return cls(table["hash"].to_numpy().astype(np.uint64), table["moment"].to_numpy())

    def table(self) -> pa.Table:
        return pa.table({"hash": self.hashes.astype(np.uint64), "moment": self.moments})

    def unknown(self, known: "Ids") -> Array:
        """Which of these are not known, the first of each: booleans."""
        first = np.zeros(len(self.hashes), dtype=bool)
        first[np.unique(self.hashes, return_index=True)[1]] = True
        return first & ~np.isin(self.hashes, known.hashes)

    def and_(self, more: "Ids") -> "Ids":
        return Ids(np.concatenate([self.hashes, more.hashes]), np.concatenate([self.moments, more.moments]))

    def since(self, floor: int) -> "Ids":
        """Those of rows behind a moment."""
        behind = self.moments > floor
        return Ids(self.hashes[behind], self.moments[behind])

    def floor_for(self, floor: int, most: int = MOST_SEEN) -> int:
        """The moment behind which there are so many at most."""
        behind = np.sort(self.moments[self.moments > floor])
        return int(behind[-most - 1]) if len(behind) > most else floor

    def where(self, mask: Array) -> "Ids":
        return Ids(self.hashes[mask], self.moments[mask])


def _names(rows: pa.Table, holds: RowsKind) -> pa.ChunkedArray:
    names = ["id"] if holds is RowsKind.PREDICTIONS and "id" in rows.column_names else sorted(rows.column_names)
    texts = [pc.fill_null(pc.cast(rows[name], pa.string()), "") for name in names]
    return texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, "\x1f")
