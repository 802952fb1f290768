"""Text that every database and every encoding can hold."""

import re

# NUL cannot be stored by PostgreSQL, a lone surrogate cannot be encoded, the rest has no business in a label.
UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def clean(text: str) -> str:
    return UNFIT.sub("\N{REPLACEMENT CHARACTER}", text)
