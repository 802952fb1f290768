"""Text that every database and every encoding can hold."""

import re
from collections.abc import Mapping

# NUL cannot be stored by PostgreSQL, a lone surrogate cannot be encoded, the rest has no business in a label.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def may_be_unclean(body: bytes) -> bool:
    """Whether a JSON body can hold such characters at all: they come in by escapes only, or as a raw DEL."""
    return b"\\u" in body or b"\\b" in body or b"\\f" in body or b"\x7f" in body


def clean(text: str) -> str:
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text)


def clean_link(text: str) -> str:
    """An address of the web, or nothing."""
    return text if text.startswith(("http://", "https://")) and not _UNFIT.search(text) else ""


def clean_labels(labels: Mapping[str, str]) -> dict[str, str]:
    return {clean(name): clean(value) for name, value in labels.items()}
