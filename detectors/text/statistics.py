"""What is watched of a column of texts: how long they are, of which language, and of which words."""

import re
from collections import Counter
from collections.abc import Sequence
from zlib import crc32

import numpy as np

from detectors.drift.packing import Array
from detectors.drift.texts import is_missing
from detectors.text.language import language_of

MOST_ROWS = 20_000
"""Texts that are looked at together, at even distances."""
_MOST_CHARACTERS = 4_000
"""Of a text, for its words; its length is that of the whole."""
_LANGUAGE_BY = 400
_MOST_WORDS = 100_000
_WORD = re.compile(r"[^\W\d_]+")
STATISTICS = ("length", "words", "distinct", "unknown", "language")


def vocabulary_of(texts: Sequence[object]) -> Array:
    """The words of some texts, the most frequent 100,000, by their hash.

    Parameters
    ----------
    texts
        Of the reference.

    Returns
    -------
    Hashes, ascending, of shape (words,).

    Examples
    --------
    >>> len(vocabulary_of(["a good day", "A bad day", None]))
    4
    """
    counted = Counter[str]()
    for text in texts:
        if not is_missing(text):
            counted.update(_words(str(text)))
    return np.unique(np.array([_hash(word) for word, _ in counted.most_common(_MOST_WORDS)], np.uint32))


def statistics_of(texts: Sequence[object], vocabulary: Array) -> dict[str, Array]:
    """The statistics of texts, by name.

    Parameters
    ----------
    texts
        Missing ones are None.
    vocabulary
        From :func:`vocabulary_of`.

    Returns
    -------
    ``length`` in characters, ``words``, ``distinct`` and ``unknown`` as shares of the words, and ``language``; each of
    shape (rows,), NaN or None where a text is missing.

    Examples
    --------
    >>> found = statistics_of(["the good day of the year", None], vocabulary_of(["the day of a year"]))
    >>> found["words"].tolist(), found["language"].tolist(), found["unknown"].round(2).tolist()
    ([6.0, nan], ['en', None], [0.17, nan])
    """
    rows = [None if is_missing(text) else _of_text(str(text), vocabulary) for text in texts]
    numbers = np.array([(np.nan,) * 4 if row is None else row[:4] for row in rows], np.float64).reshape(-1, 4)
    languages = np.array([None if row is None else row[4] for row in rows], dtype=object)
    return dict(zip(STATISTICS, [*numbers.T, languages], strict=True))


def _of_text(text: str, vocabulary: Array) -> tuple[float, float, float, float, str]:
    words = _words(text)
    unknown = 1 - float(_are_known(words, vocabulary).mean()) if words else 0.0
    distinct = len(set(words)) / len(words) if words else 1.0
    return float(len(text)), float(len(words)), distinct, unknown, language_of(text[:_LANGUAGE_BY], words)


def _are_known(words: list[str], vocabulary: Array) -> Array:
    hashes = np.array([_hash(word) for word in words], np.uint32)
    if not len(vocabulary):
        return np.zeros(len(hashes), bool)
    return np.asarray(vocabulary[vocabulary.searchsorted(hashes).clip(0, len(vocabulary) - 1)] == hashes)


def _words(text: str) -> list[str]:
    return _WORD.findall(text[:_MOST_CHARACTERS].lower())


def _hash(word: str) -> int:
    return crc32(word.encode("utf-8", "surrogatepass"))
