"""How values become categories: the text by which one is counted, and its bucket among a thousand."""

import hashlib
from zlib import crc32

BUCKETS = 1000
"""Few enough that a batch of some thousand rows has several in each, which chi-squared needs."""
MOST_TEXT = 200
"""Characters kept of a value."""


def is_missing(value: object) -> bool:
    """Whether a value counts as missing: None or NaN.

    Parameters
    ----------
    value
        Of any type.

    Returns
    -------
    True for None and NaN.

    Examples
    --------
    >>> is_missing(None), is_missing(float("nan")), is_missing("")
    (True, True, False)
    """
    return value is None or value != value  # noqa: PLR0124  (NaN alone is not itself)


def category(value: object) -> str:
    """The category's text; a whole number is the same category whether it came as an integer or a float.

    Parameters
    ----------
    value
        Of any type.

    Returns
    -------
    Its text, as it is counted.

    Examples
    --------
    >>> category(3), category(3.0), category("a")
    ('3', '3', 'a')
    """
    return shortened(str(int(value)) if isinstance(value, float) and value.is_integer() else str(value))


def shortened(text: str) -> str:
    """The text, or of a long one its beginning and a digest that tells it from others.

    Parameters
    ----------
    text
        Of any length.

    Returns
    -------
    A text of bounded length, the same for the same text.

    Examples
    --------
    >>> shortened("a"), len(shortened("a" * 10_000)) < 1_000
    ('a', True)
    """
    if len(text) <= MOST_TEXT:
        return text
    return f"{text[: MOST_TEXT - 20]}… {hashlib.blake2b(_bytes(text), digest_size=8).hexdigest()}"


def bucket(text: str) -> str:
    """The name of a category's bucket: the names' order is the buckets'.

    Parameters
    ----------
    text
        A category's text.

    Returns
    -------
    The name of its bucket.

    Examples
    --------
    >>> bucket("a") == bucket("a")
    True
    """
    return bucket_name(bucket_place(text))


def bucket_name(place: int) -> str:
    """The name of a bucket.

    Parameters
    ----------
    place
        From 0 to ``BUCKETS`` - 1.

    Returns
    -------
    Three digits.

    Examples
    --------
    >>> bucket_name(7)
    '007'
    """
    return f"{place:03d}"


def bucket_place(text: str) -> int:
    """The place of a category's bucket.

    Parameters
    ----------
    text
        A category's text.

    Returns
    -------
    From 0 to ``BUCKETS`` - 1.

    Examples
    --------
    >>> 0 <= bucket_place("a") < BUCKETS
    True

    References
    ----------
    Weinberger, Dasgupta, Langford, Smola and Attenberg: Feature hashing for large scale multitask learning. ICML 2009.
    """
    return crc32(_bytes(text)) % BUCKETS


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
