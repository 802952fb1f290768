"""ETag and If-Match: the version of an incident. https://www.rfc-editor.org/rfc/rfc9110#name-if-match"""

import re

from handlers.api.operation import Invalid

_ONE = re.compile(r'\s*(?:W/)?"([^"]*)"\s*')
_VERSION = re.compile(r"[0-9]{1,15}")


def etag(version: int) -> str:
    return f'"{version}"'


def seen_in(if_match: str | None) -> frozenset[int] | None:
    """The versions of which one must still hold; None where any will do. A proxy may have made a tag a weak one.

    Raises Invalid.

    >>> seen_in('"3", W/"4", "old"')
    frozenset({3, 4})
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = [_ONE.fullmatch(part) for part in if_match.split(",")]
    if not all(found):
        raise Invalid('If-Match: write the ETag of an answer, as in "3", or *.')
    return frozenset(int(one[1]) for one in found if one and _VERSION.fullmatch(one[1]))
