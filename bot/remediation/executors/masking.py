"""Masks secrets in what programs and servers said: as they are, encoded, and split over lines.

Text is searched in several readings, each with what it left out: without blanks and backslashes; with percent, HTML and
string escapes decoded; as hexadecimal digits alone. What is found is masked where it stands in the text. It keeps
secrets out of messages that nobody meant to leak them into; a program that wants to hide one from us always can.
"""

import base64
import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

MASK = "***"
_SHORTEST = 4
_SHORTEST_ENCODED = 6
_SHORTEST_LINE = 16
_BLANK = re.compile(r"[\s\\]+")
_PLAIN = re.compile(r"[^\s\\]+")
_ESCAPE = re.compile(
    r"(?P<plain>[^\s%&\\]+)|%(?P<percent>[0-9a-fA-F]{2})|\\x(?P<x>[0-9a-fA-F]{2})|\\u(?P<u>[0-9a-fA-F]{4})"
    r"|\\(?P<octal>[0-3][0-7]{2})|(?P<entity>&(?:#\d{1,6}|#[xX][0-9a-fA-F]{1,5}|amp|lt|gt|quot|apos);)|(?P<mark>[%&])"
)
_HEX = re.compile(r"(?:0[xX]|\\x|[%\s:,;-])+|(?P<digits>[0-9a-fA-F]+)|(?P<other>[^\s0-9a-fA-F])")


class _Forms(NamedTuple):
    """What is looked for in each reading."""

    literal: tuple[str, ...]
    joined: tuple[bytes, ...]
    decoded: tuple[bytes, ...]
    digits: tuple[bytes, ...]


class _Reading:
    """Text as bytes, of which each piece knows where in the text it stands."""

    def __init__(self, pieces: Iterable[tuple[int, int, bytes]]) -> None:
        self._pieces = list(pieces)
        self._starts: list[int] = []
        at = 0
        for _, _, piece in self._pieces:
            self._starts.append(at)
            at += len(piece)
        self._bytes = b"".join(piece for _, _, piece in self._pieces)

    def find(self, form: bytes) -> Iterator[tuple[int, int]]:
        """The spans of the text in which a form stands."""
        at = self._bytes.find(form)
        while at >= 0:
            yield self._place(at)[0], self._place(at + len(form) - 1)[1]
            at = self._bytes.find(form, at + 1)

    def _place(self, at: int) -> tuple[int, int]:
        """The first and last+1 character of the text to which a byte belongs."""
        index = bisect_right(self._starts, at) - 1
        start, end, piece = self._pieces[index]
        if len(piece) == end - start:
            start += at - self._starts[index]
            return start, start + 1
        return start, end


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text with asterisks where a secret stands, in any form that we know."""
    forms = _forms(tuple(sorted({secret.strip() for secret in secrets})))
    spans = [(found.start(), found.end()) for form in forms.literal for found in re.finditer(re.escape(form), text)]
    for read, wanted in ((_joined, forms.joined), (_decoded, forms.decoded), (_digits, forms.digits)):
        if wanted:
            reading = _Reading(read(text))
            spans += [span for form in wanted for span in reading.find(form)]
    return _covered(text, spans) if spans else text


def longest(secrets: Iterable[str]) -> int:
    """How many characters before and behind a cut may belong to a secret that the cut has taken apart."""
    most = max((len(secret.strip()) for secret in secrets), default=0)
    return max(most - 1, min(4 * most, 2048))


def _covered(text: str, spans: list[tuple[int, int]]) -> str:
    out, end = list[str](), 0
    for start, stop in sorted(spans):
        if start >= end:
            out += [text[end:start], MASK]
        end = max(end, stop)
    return "".join([*out, text[end:]])


@lru_cache(maxsize=8)
def _forms(secrets: tuple[str, ...]) -> _Forms:
    lines = {line.strip() for secret in secrets for line in secret.splitlines()}
    known = {one for one in secrets if len(one) >= _SHORTEST} | {one for one in lines if len(one) >= _SHORTEST_LINE}
    long = [one for one in known if len(_BLANK.sub("", one)) >= _SHORTEST_ENCODED]
    joined, decoded, digits = set[bytes](), set[bytes](), set[bytes]()
    for secret in long:
        word, raw = _BLANK.sub("", secret), secret.encode(errors="replace")
        plain = word.encode(errors="replace")
        decoded |= {plain, re.sub(rb"\s+", b"", raw)}
        joined |= {plain, word[::-1].encode(errors="replace"), *_base64(raw), base64.b32encode(raw).rstrip(b"=")[:-1]}
        digits.add(raw.hex().encode())
    return _Forms(tuple(known), tuple(joined), tuple(decoded), tuple(digits))


def _base64(raw: bytes) -> Iterator[bytes]:
    """What of its Base64 is there whatever stands before and behind it, for each of the three places it can have."""
    encoders: tuple[Callable[[bytes], bytes], ...] = (base64.b64encode, base64.urlsafe_b64encode)
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        for encode in encoders:
            yield encode(bytes(before) + raw)[first:last]


def _joined(text: str) -> Iterator[tuple[int, int, bytes]]:
    for found in _PLAIN.finditer(text):
        yield from _piece(found.start(), found[0])


def _piece(start: int, text: str) -> Iterator[tuple[int, int, bytes]]:
    """ASCII text is one piece; of other text each character is."""
    if text.isascii():
        yield start, start + len(text), text.encode()
        return
    for at, character in enumerate(text, start):
        yield at, at + 1, character.encode(errors="replace")


def _decoded(text: str) -> Iterator[tuple[int, int, bytes]]:
    for found in _ESCAPE.finditer(text):
        kind, value = found.lastgroup, found[found.lastgroup or 0]
        if kind in ("plain", "mark"):
            yield from _piece(found.start(), value)
        elif character := _unescaped(kind, value).strip():
            yield *found.span(), character


def _unescaped(kind: str | None, value: str) -> bytes:
    if kind in ("percent", "x"):
        return bytes.fromhex(value)
    if kind == "octal":
        return bytes([int(value, 8)])
    return (chr(int(value, 16)) if kind == "u" else html.unescape(value)).encode(errors="replace")


def _digits(text: str) -> Iterator[tuple[int, int, bytes]]:
    for found in _HEX.finditer(text):
        if digits := found["digits"]:
            yield found.start(), found.end(), digits.lower().encode()
        elif found["other"]:
            yield found.start(), found.end(), b"?"
