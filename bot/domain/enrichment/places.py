"""Places in an address that an alert fills: ``https://cmdb.example/services/{service}``."""

import re
from collections.abc import Mapping
from urllib.parse import quote

_PLACE = re.compile(r"\{((?:annotations\.|labels\.)?[a-zA-Z_][a-zA-Z0-9_.\-/]*)\}")


def places_in(url: str) -> list[str]:
    """Their names, each once."""
    return list(dict.fromkeys(_PLACE.findall(url)))


def filled(url: str, values: Mapping[str, str]) -> str:
    """The address with values in its places, each of them one part of the path or one value of the query.

    >>> filled("https://cmdb.example/of/{service}", {"service": "a b/../c?d"})
    'https://cmdb.example/of/a%20b%2F..%2Fc%3Fd'
    """
    return _PLACE.sub(lambda place: quote(values[place[1]], safe=""), url)
