"""The nearest known name, as a hint for a mistyped one."""

import difflib
from collections.abc import Collection

_FEW = 20


def nearest(word: str, known: Collection[str]) -> str:
    """The nearest known name or, where none is near and they are few, all of them.

    >>> nearest("chekout", ["checkout", "cart"])
    "; did you mean 'checkout'?"
    >>> nearest("zzz", ["checkout", "cart"])
    '; known are cart, checkout'
    """
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(sorted(known))}" if 0 < len(known) <= _FEW else ""
