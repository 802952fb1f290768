"""Columns of texts as they are watched: a profile of the reference's, and statistics of what comes."""

import numpy as np
import pyarrow as pa

from detectors.drift.packing import Array
from detectors.drift.profile import TextColumn, build
from detectors.text.statistics import MOST_ROWS, statistics_of, vocabulary_of


def text_column_of(column: pa.ChunkedArray) -> TextColumn:
    """The profile of a reference's texts: one half by lot gives the vocabulary, the other what is compared with."""
    lots = np.random.default_rng(5).permutation(len(column))[: 2 * MOST_ROWS]
    half = len(lots) // 2
    words, compared = (column.take(pa.array(np.sort(part))).to_pylist() for part in (lots[:half], lots[half:]))
    vocabulary = vocabulary_of(words)
    return TextColumn(vocabulary, build(statistics_of(compared, vocabulary)).columns)


def statistics_by_name(name: str, texts: Array, known: TextColumn) -> dict[str, Array]:
    """The statistics of new texts as columns: ``comment.length`` and so on. Of many texts some are looked at."""
    some = texts if len(texts) <= MOST_ROWS else texts[np.linspace(0, len(texts) - 1, MOST_ROWS).astype(np.int64)]
    found = statistics_of(some.tolist(), known.vocabulary)
    return {f"{name}.{statistic}": values for statistic, values in found.items()}
