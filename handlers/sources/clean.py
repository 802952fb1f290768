"""Text that every database and every encoding can hold."""

import re
from collections.abc import Mapping

# NUL cannot be stored by PostgreSQL, a lone surrogate cannot be encoded, the rest has no business in a label.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

_UNFIT_ESCAPES = frozenset(b"ubf")
_MOST_ESCAPES = 1000
"""With more of them, cleaning costs less than looking at each."""


def may_be_unclean(body: bytes) -> bool:
    """Whether valid JSON can hold such characters at all: they come in by escapes only, or as a raw DEL."""
    at = body.find(b"\\")
    for _ in range(_MOST_ESCAPES):
        if at < 0:
            return b"\x7f" in body
        if body[at + 1] in _UNFIT_ESCAPES:
            return True
        at = body.find(b"\\", at + 2)
    return True


def clean(text: str) -> str:
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text)


def clean_link(text: str) -> str:
    """An address of the web, or nothing."""
    return text if text.startswith(("http://", "https://")) and not _UNFIT.search(text) else ""


def clean_labels(labels: Mapping[str, str]) -> dict[str, str]:
    return {clean(name): clean(value) for name, value in labels.items()}
