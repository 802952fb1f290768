"""What a language model may make of a summary: the facts it is given, and how what it answers is checked against them.

The check is on words, not on sense: nothing is named and no number is said that the facts do not hold, but what they
hold can still be put together wrongly. That is why the message shows cause and evidence as they were found in any case.
"""

import hashlib
import re
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import NamedTuple

from bot.domain.incident import Incident
from bot.domain.inhibition import in_words
from bot.domain.summary.plain_words import FUNCTION_WORDS, NUMBER_WORDS, is_plain

MOST_CHARACTERS = 500
MOST_SENTENCES = 3
_MOST_SERVICES = 20
_MOST_OF_A_LINE = 2000
_AROUND = ".,;:!?()\"'“”‘’…–—-"
_FORBIDDEN = re.compile(r"[<>@\x00-\x1f\x7f]|https?:", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)")
_MOST_LIKELY = re.compile(r"\bmost likely\b", re.IGNORECASE)
_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Facts(NamedTuple):
    """``text`` is all that a model is told, ``digest`` changes when it does; ``to_name`` must stand in any answer."""

    text: str
    digest: str
    to_name: list[str]


def facts_of(incident: Incident) -> Facts:
    """The facts of an incident's summary: itself, and the parts that it is made of."""
    lines = [f"summary: {incident.summary}", f"title: {incident.title}", f"severity: {incident.severity}"]
    if incident.services:
        lines.append(f"affected services: {', '.join(incident.services[:_MOST_SERVICES])}")
    if incident.causes:
        lines.append(f"likely cause: {incident.causes[0].phrase}")
        lines += [f"evidence: {said}" for said in incident.causes[0].evidence]
    if incident.inhibited:
        lines.append(f"consequences: {in_words(incident.inhibited)}")
    text = "\n".join(" ".join(line.split())[:_MOST_OF_A_LINE] for line in lines)
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return Facts(text, digest, [incident.causes[0].service] if incident.causes else [])


def tidied(answer: str) -> str:
    """An answer on one line, without the quotation marks that models like to put around it."""
    line = " ".join(answer.split())
    return line[1:-1].strip() if len(line) > 1 and line[0] in "\"“'" and line[-1] in "\"”'" else line


def fault_of(answer: str, facts: Facts, names: Collection[str]) -> str | None:
    """Why an answer cannot stand in for the summary, or None where it can.

    Each of its words must be in the facts, be a piece of a name there, or be a plain one; ``names`` are the services
    that are known, which are no plain words.
    """
    if not answer or len(answer) > MOST_CHARACTERS or len(_SENTENCE_END.findall(answer)) > MOST_SENTENCES:
        return f"it is not one to {MOST_SENTENCES} sentences of at most {MOST_CHARACTERS} characters"
    if found := _FORBIDDEN.search(answer):
        return f"it holds {found[0]!r}"
    told, said = list(_words(facts.text)), list(_words(_MOST_LIKELY.sub("likely", answer)))
    allowed, known = _allowed(facts), {name.casefold() for name in names}
    for word in said:
        if word not in allowed and not _plain(word, allowed, known):
            return f"{word!r} is not in the facts"
    if missing := [name for name in facts.to_name if not set(_words(name)) <= set(said)]:
        return f"it does not name {missing[0]}"
    return _miscounted(said, told)


def _words(text: str) -> Iterator[str]:
    for part in text.split():
        word = part.strip(_AROUND).casefold()
        if word:
            yield word


def _allowed(facts: Facts) -> set[str]:
    """The words of the facts, and the words that their names are put together from: ``HighLatency`` is high latency."""
    whole = set(_words(facts.text))
    pieces = {piece.casefold() for part in facts.text.split() for piece in _PIECES.findall(part)}
    return whole | {piece for piece in pieces if not piece.isdigit()}


def _plain(word: str, allowed: Collection[str], known: Collection[str]) -> bool:
    if word in NUMBER_WORDS:
        return NUMBER_WORDS[word] in allowed
    owner = re.sub(r"['’]s?$", "", word)
    if owner != word and owner in allowed:
        return True
    return word not in known and all(is_plain(part) and part not in known for part in owner.split("-"))


def _miscounted(said: list[str], told: list[str]) -> str | None:
    """A number counts what it counts in the facts: of ``14 alerts`` nobody may make ``14 services``."""
    counted = {(NUMBER_WORDS.get(a, a), b) for a, b in pairwise(told)}
    for a, b in pairwise(said):
        number = NUMBER_WORDS.get(a, a)
        if number.isdigit() and b not in FUNCTION_WORDS and (number, b) not in counted:
            return f"the facts do not say {a!r} of {b!r}"
    return None
