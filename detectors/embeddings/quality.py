"""Data quality of vectors: whether a batch's are well formed, compared with the reference's."""

from collections.abc import Iterator

from scipy.stats import hypergeom

from detectors.drift.quality import Finding
from detectors.embeddings.profile import Counted, count
from detectors.embeddings.vectors import Vectors, usual_size

_WORDS = {"nan": "numbers that are missing", "infinite": "infinite numbers", "zero": "nothing but zeros"}


def findings(
    name: str, vectors: Vectors, size: int, usual: Counted | None = None, alpha: float = 1e-6
) -> Iterator[Finding]:
    """What is wrong with a batch of vectors: another size, missing ones, NaN, infinite numbers, nothing but zeros.

    Parameters
    ----------
    name
        Of the column.
    vectors
        The batch's.
    size
        Numbers that a vector should have; 0 where nobody knows.
    usual
        What is so in the reference.
    alpha
        The chance of a finding that depends on counts.

    Yields
    ------
    One finding a kind.

    Examples
    --------
    >>> import numpy as np
    >>> from detectors.embeddings.vectors import of_matrix
    >>> batch = of_matrix(np.ones((10, 384)))
    >>> [finding.text for finding in findings("image", batch, 768)]
    ['10 of 10 vectors of image have 384 numbers, not 768']
    """
    counted, _ = count(vectors, size or usual_size(vectors.sizes))
    if not counted.rows:
        return
    usual = usual or Counted(rows=0)
    if counted.other and _is_more(counted.other, counted.there, usual.other, usual.there, alpha):
        strange = vectors.sizes[(vectors.sizes > 0) & (vectors.sizes != size)]
        text = f"{counted.other} of {counted.there} vectors of {name} have {usual_size(strange)} numbers, not {size}"
        yield Finding("size", name, counted.other / counted.rows, text)
    if counted.missing and _is_more(counted.missing, counted.rows, usual.missing, usual.rows, alpha):
        share, before = counted.missing / counted.rows, usual.missing / max(usual.rows, 1)
        yield Finding("missing", name, share, f"{share:.1%} of {name} is missing, usually {before:.1%}")
    sized, sized_before = counted.there - counted.other, usual.there - usual.other
    for kind, words in _WORDS.items():
        many = getattr(counted, kind)
        if many and _is_more(many, sized, getattr(usual, kind), sized_before, alpha):
            yield Finding(kind, name, many / counted.rows, f"{many} of {sized} vectors of {name} have {words}")


def _is_more(many: int, rows: int, usually: int, of_usual: int, alpha: float) -> bool:
    """More than in the reference, by Fisher's exact test; any where the reference has none."""
    return not usually or bool(hypergeom.sf(many - 1, rows + of_usual, usually + many, rows) < alpha)
