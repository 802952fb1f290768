"""How well a model ranks: one group of rows, such as the answers to a query, at a time."""

import numpy as np

from detectors.drift.packing import Array


def gain(relevance: Array, score: Array) -> float:
    """The normalised discounted cumulative gain (NDCG; Järvelin and Kekäläinen, ACM TOIS 20, 2002), from 0 to 1.

    Of equal scores each gets the mean of their discounts. A group in which nothing is relevant is ranked perfectly.

    Parameters
    ----------
    relevance
        How relevant each row of a group is, 0 or more, of shape (rows,).
    score
        What the rows are ordered by, of shape (rows,); more is better.

    Returns
    -------
    The gain, between 0 and 1.

    Examples
    --------
    >>> gain(np.array([3.0, 2.0, 0.0]), score=np.array([0.9, 0.5, 0.1]))
    1.0
    >>> round(gain(np.array([0.0, 1.0]), score=np.array([0.9, 0.5])), 3)
    0.631

    References
    ----------
    Järvelin and Kekäläinen: Cumulated gain-based evaluation of IR techniques. ACM TOIS 20, 2002.
    """
    discounts = 1 / np.log2(np.arange(2, len(relevance) + 2))
    best = float(np.sort(relevance)[::-1] @ discounts)
    if best <= 0:
        return 1.0
    order = np.argsort(-score, kind="stable")
    _, place, sizes = np.unique(-score[order], return_inverse=True, return_counts=True)
    shared = np.bincount(place, discounts) / sizes
    return float(np.clip(relevance[order] @ shared[place] / best, 0, 1))


def reciprocal_rank(relevance: Array, score: Array) -> float:
    """One over the rank of the first relevant row; 0 where nothing is relevant. Of equal scores the worst rank counts.

    Parameters
    ----------
    relevance, score
        As in :func:`gain`.

    Returns
    -------
    Between 0 and 1.

    Examples
    --------
    >>> reciprocal_rank(np.array([0, 1, 1]), score=np.array([0.9, 0.5, 0.1]))
    0.5

    References
    ----------
    Voorhees: The TREC-8 question answering track report. TREC 1999.
    """
    relevant = relevance > 0
    if not relevant.any():
        return 0.0
    return float(1 / np.sum(score >= score[relevant].max()))


def ranking(relevance: Array, score: Array, group: Array) -> dict[str, float]:
    """NDCG and MRR, each the mean over groups; empty without rows. All arrays are of shape (rows,).

    Parameters
    ----------
    relevance
        How relevant each row is, 0 or more, of shape (rows,).
    score
        What the rows of a group are ordered by, of shape (rows,); more is better.
    group
        The query of each row, of shape (rows,).

    Returns
    -------
    ``ndcg`` and ``mrr``, each between 0 and 1.

    Examples
    --------
    >>> ranking(np.array([1, 0]), np.array([0.9, 0.1]), np.array(["q", "q"]))
    {'ndcg': 1.0, 'mrr': 1.0}

    References
    ----------
    Järvelin and Kekäläinen: Cumulated gain-based evaluation of IR techniques. ACM TOIS 20, 2002.
    """
    if not len(relevance):
        return {}
    _, place = np.unique(group.astype(str), return_inverse=True)
    parts = [place == at for at in range(int(place.max()) + 1)]
    ndcg = [gain(relevance[part], score[part]) for part in parts]
    mrr = [reciprocal_rank(relevance[part], score[part]) for part in parts]
    return {"ndcg": float(np.mean(ndcg)), "mrr": float(np.mean(mrr))}
