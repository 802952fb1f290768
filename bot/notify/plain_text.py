"""Text from outside as one visible line, before any channel escapes it."""

import re
import unicodedata

# Control characters, and those that turn the direction of the text around them.
INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
ELLIPSIS = "…"


def visible_line(text: str) -> str:
    """A text without what cannot be seen, with every run of white space as one space."""
    return " ".join(INVISIBLE.sub("", " ".join(text.split())).split())


def shortened(text: str, limit: int) -> str:
    """:func:`visible_line`, at most ``limit`` characters long.

    >>> shortened("checkout is slow", 9)
    'checkout…'
    """
    line = visible_line(text)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + ELLIPSIS


def is_blank(text: str) -> bool:
    """Whether nothing of a text can be seen."""
    return not any(unicodedata.category(character)[0] in "LNPS" for character in text)
