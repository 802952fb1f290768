"""One value in many spellings: 1, 1.0, "1.0" and True meet in the spelling that a reference has."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from detectors.drift.texts import category

_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d*)?([eE][+-]?\d{1,3})?")
_WHOLE = re.compile(r"[+-]?(0|[1-9]\d*)")
_TRUTH = {"true": "1", "false": "0"}


def meaning(text: str) -> str:
    """What several spellings of one number or truth value share; any other text is itself.

    A number with a leading zero is a code, such as a postcode, and no number.

    Parameters
    ----------
    text
        A category's text.

    Returns
    -------
    The number in its shortest form, ``1`` and ``0`` for true and false, or the text.

    Examples
    --------
    >>> [meaning(text) for text in ("1.0", "1", "True", "1e0", "-0.0", "01", "one")]
    ['1', '1', '1', '1', '0', '01', 'one']
    """
    if (truth := _TRUTH.get(text.lower())) is not None:
        return truth
    if _WHOLE.fullmatch(text) and len(text) < 1000:
        return str(int(text))
    return category(float(text)) if _NUMBER.fullmatch(text) else text


class Spellings(NamedTuple):
    """The categories that are known, and by what their other spellings mean.

    Parameters
    ----------
    known
        Categories by their text.
    by_meaning
        The known text of a meaning, where only one has it.

    Examples
    --------
    >>> spellings = Spellings.of(["True", "False"])
    >>> [spellings.known_as(text) for text in ("1", "false", "0.0", "maybe")]
    ['True', 'False', 'False', 'maybe']
    >>> Spellings.of(["1", "1.0"]).known_as("True")
    'True'
    """

    known: frozenset[str]
    by_meaning: dict[str, str]

    @classmethod
    def of(cls, known: Iterable[str]) -> "Spellings":
        names = frozenset(known)
        meant = {name: meaning(name) for name in names}
        often = Counter(meant.values())
        return cls(names, {what: name for name, what in meant.items() if often[what] == 1})

    def known_as(self, text: str) -> str:
        """The known spelling of a text, or the text itself where none is known."""
        return text if text in self.known else self.by_meaning.get(meaning(text), text)
