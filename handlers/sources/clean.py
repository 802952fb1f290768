"""Text that every database and every encoding can hold."""

from collections.abc import Mapping

from bot.domain.naming.storable import UNFIT, clean

__all__ = ["clean", "clean_labels", "clean_link", "may_be_unclean"]

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


def clean_link(text: str) -> str:
    """An address of the web, or nothing."""
    return text if text.startswith(("http://", "https://")) and not UNFIT.search(text) else ""


def clean_labels(labels: Mapping[str, str]) -> dict[str, str]:
    return {clean(name): clean(value) for name, value in labels.items()}
