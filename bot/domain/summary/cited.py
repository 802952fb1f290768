"""What a language model may answer to a question: sentences that each name their evidence, and hold nothing else.

As with summaries (:mod:`bot.domain.summary.rewriting`) the check is on words: each name and each number of a sentence
must stand in the evidence that it cites. What does not is dropped, sentence by sentence.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from bot.domain.summary.answer_words import is_usual
from bot.domain.summary.plain_words import FUNCTION_WORDS, NUMBER_WORDS

MOST_CHARACTERS, MOST_SENTENCES = 4000, 12
_MOST_OF_A_SENTENCE = 500
_CITATION = re.compile(r"\s*[\[(]\s*((?:E\d{1,3}\s*[,;]?\s*(?:and\s+)?)+)[\])]", re.IGNORECASE)
_ID = re.compile(r"E\d{1,3}", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_BULLET = re.compile(r"^\s*(?:[-*•]\s+|\d{1,2}[.)]\s+|#{1,6}\s+)")
_MARKUP = re.compile(r"\*\*|__|`")
_FORBIDDEN = re.compile(r"[<>@\x00-\x1f\x7f]|https?:|www\.|\]\(", re.IGNORECASE)
_INSTRUCTING = re.compile(
    r"\b(ignore|disregard|override|instructions?|prompts?|passwords?|credentials?|secrets?|api keys?|jailbreak)\b",
    re.IGNORECASE,
)
_AROUND = ".,;:!?()[]{}\"'“”‘’`…–—-*_"
_PARTS = re.compile(r"[^\W_]+(?:\.\d+)*")
_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+(?:\.\d+)?")
_UNIT = re.compile(r"(#?)(-?\d[\d,]*(?:\.\d+)?)(%|[a-zµ]{1,3})?")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?")
_FRACTION = re.compile(r"(?<![\w.])0?\.\d+(?![\w.])")
_DO_NOT_KNOW = re.compile(
    r"(i|we) (do not|don['’]t|cannot|can['’]t|could not|couldn['’]t) (know|tell|say|determine|find)"
    r"|it is (not |un)clear|(there is |i found |i have )?(not enough|no|insufficient) (evidence|data|information)",
    re.IGNORECASE,
)


class Sentence(NamedTuple):
    """``cites`` are the ids of its evidence, as ``E2``."""

    text: str
    cites: tuple[str, ...] = ()


class Checked(NamedTuple):
    """What is left of an answer, and why the others were dropped."""

    kept: Sequence[Sentence]
    dropped: Sequence[str]


def checked(answer: str, evidence: Mapping[str, str], known: Collection[str]) -> Checked:
    """The sentences of an answer that their evidence bears; ``known`` are names of services, which are no plain words.

    >>> found = checked("cart is slow [E1]. redis is slow [E1].", {"E1": "cart is slow"}, [])
    >>> [one.text for one in found.kept], found.dropped
    (['cart is slow.'], ["'redis' is not in its evidence"])
    """
    kept: list[Sentence] = []
    dropped: list[str] = []
    names = {name.casefold() for name in known}
    for sentence in sentences_of(answer):
        fault = fault_of(sentence, evidence, names)
        if fault:
            dropped.append(fault)
        elif len(kept) < MOST_SENTENCES:
            kept.append(sentence)
    return Checked(kept, dropped)


def sentences_of(answer: str) -> list[Sentence]:
    """Sentences, each with what it cites; a citation that follows a full stop is of the sentence before it."""
    moved = re.sub(r"([.!?])((?:\s*[\[(]\s*E\d[^\])]*[\])])+)", r"\2\1", answer[:MOST_CHARACTERS])
    found = []
    for part in _SENTENCE.split(moved):
        cites = tuple(dict.fromkeys(one.upper() for hit in _CITATION.findall(part) for one in _ID.findall(hit)))
        text = " ".join(_MARKUP.sub("", _BULLET.sub("", _CITATION.sub("", part))).split())
        if text.strip(_AROUND):
            found.append(Sentence(text, cites))
    return found


def fault_of(sentence: Sentence, evidence: Mapping[str, str], known: Collection[str]) -> str | None:
    """Why a sentence cannot be shown, or None where it can."""
    text = sentence.text
    if len(text) > _MOST_OF_A_SENTENCE:
        return "it is too long a sentence"
    if found := _FORBIDDEN.search(text) or _INSTRUCTING.search(text):
        return f"it holds {found[0]!r}"
    if missing := [one for one in sentence.cites if one not in evidence]:
        return f"there is no evidence {missing[0]}"
    if not sentence.cites and not _DO_NOT_KNOW.search(text):
        return "it cites no evidence"
    borne = _Borne("\n".join(evidence[one] for one in sentence.cites))
    words = list(_words(text))
    for word in words:
        if not borne.holds(word) and not (is_usual(word) and word not in known):
            return f"{word!r} is not in its evidence"
    return borne.miscounted(words)


class _Borne:
    """The words, names and numbers that evidence holds."""

    def __init__(self, text: str) -> None:
        whole = list(_words(text))
        pieces = {piece.casefold() for part in text.split() for piece in _PIECES.findall(part)}
        parts = {part.casefold() for part in _PARTS.findall(text)}
        self._words = {*whole, *parts, *(piece for piece in pieces if not piece[0].isdigit())}
        self._numbers = {_number(one[1]) for one in _UNIT.findall(text)}
        self._words |= {moment for found in _MOMENT.findall(text) for moment in _moments(*found)}
        self._shares = {f"{float(one):.0%}" for one in _FRACTION.findall(text)}
        self._counted: dict[str, set[str]] = {}
        for number, thing in pairwise(whole):
            plain = NUMBER_WORDS.get(number, number)
            if plain.isdigit() and thing not in FUNCTION_WORDS:
                self._counted.setdefault(_singular(thing), set()).add(plain)

    def holds(self, word: str) -> bool:
        owner = re.sub(r"['’]s?$", "", word)
        if word in self._words or owner in self._words or word in self._shares:
            return True
        if word in NUMBER_WORDS:
            return NUMBER_WORDS[word] in self._numbers
        number = _UNIT.fullmatch(word)
        if number:
            return self._has_number(number[2])
        parts = [part for part in re.split(r"[-/_:=→]", owner) if part]
        return len(parts) > 1 and all(part in self._words or is_usual(part) for part in parts)

    def _has_number(self, number: str) -> bool:
        return _number(number) in self._numbers

    def miscounted(self, said: Sequence[str]) -> str | None:
        """Where the evidence counts a thing, nothing else may be said of how many there are."""
        for number, thing in pairwise(said):
            plain, counts = NUMBER_WORDS.get(number, number), self._counted.get(_singular(thing))
            if plain.isdigit() and counts and plain not in counts and thing not in FUNCTION_WORDS:
                return f"its evidence does not say {number!r} of {thing!r}"
        return None


def _words(text: str) -> Iterator[str]:
    for part in text.split():
        word = part.strip(_AROUND).casefold()
        if word:
            yield word


def _number(text: str) -> str:
    plain = text.replace(",", "")
    try:
        return f"{float(plain):g}"
    except ValueError:
        return plain


def _singular(word: str) -> str:
    return word.removesuffix("s")


def _moments(day: str, minute: str, second: str) -> Iterator[str]:
    yield from (day, minute, f"{minute}{second}", f"{minute}{second}z")
