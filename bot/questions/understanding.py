"""What a question in free words asks for: which kind of question it is, about which service, for how long. Pure."""

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta

from bot.questions.question import Question, all_questions

LEAST = 2
"""Of weight: what is less is a word that happens to stand there."""
MOST_WORDS = 60
_LONGEST = timedelta(days=30)
_SHORT = (
    (re.compile(r"[’‘`´]"), "'"),
    (re.compile(r"\b(what|who|how|where|when|that|it|there|here)'s\b"), r"\1 is"),
    (re.compile(r"\b(is|are|was|were|do|does|did|has|have|ca|wo|could|should|would)n't\b"), r"\1 not"),
    (re.compile(r"\b(\w+)'(?:re)\b"), r"\1 are"),
    (re.compile(r"\b(\w+)'(?:d)\b"), r"\1 would"),
    (re.compile(r"\bwhos\b"), "who is"),
    (re.compile(r"\bwhats\b"), "what is"),
    (re.compile(r"\b(pls|plz|please|hey|hi|hello|tandem|kindly|just)\b"), " "),
    (re.compile(r"[?!,;()\"“”]|[.:](?=\s|$)"), " "),
)
_SPAN = re.compile(
    r"\b(?:for|last|past|previous|over|in|within|since|of|the|during)?\s*(\d+(?:\.\d+)?|an?|half an|a few|couple of)\s*"
    r"(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)\b"
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WORDS = {"a": 1.0, "an": 1.0, "half an": 0.5, "a few": 3.0, "couple of": 2.0}
_NAMED_SPANS = {
    "today": timedelta(days=1),
    "yesterday": timedelta(days=2),
    "last hour": timedelta(hours=1),
    "past hour": timedelta(hours=1),
    "last day": timedelta(days=1),
    "last night": timedelta(days=1),
    "last week": timedelta(days=7),
    "this week": timedelta(days=7),
}
MEASURES = {
    "latency": r"latenc(y|ies)|response times?|duration|slow(ness)?|p\d\d|how (slow|fast)",
    "availability": r"availability|errors?( rates?)?|error rate|failures?|failed|success( rate)?|5xx|500s",
    "requests": r"requests?|traffic|throughput|load|rps|qps|volume",
}
_MEASURES = {name: re.compile(rf"\b(?:{pattern})\b") for name, pattern in MEASURES.items()}


def normalised(text: str) -> str:
    """The words of a question in lower case, contractions written out.

    >>> normalised("Hey, what's changed?!")
    'what is changed'
    """
    words = text.lower()
    for pattern, instead in _SHORT:
        words = pattern.sub(instead, words)
    return " ".join(words.split()[:MOST_WORDS])


def understood(text: str) -> Question | None:
    """The question that a text asks, None where it is none that is known."""
    words = normalised(text)
    weighed = [(sum(weight for phrase, weight in one.phrases if phrase.search(words)), one) for one in _questions()]
    weight, best = max(weighed, key=lambda pair: pair[0], default=(0, None))
    return best if weight >= LEAST else None


def _questions() -> Sequence[Question]:
    return list(all_questions().values())


def services_in(text: str, known: Iterable[str]) -> list[str]:
    """The services that a text names, in the order in which they stand there.

    >>> services_in("latency of checkout-api and cart", ["checkout", "checkout-api", "cart"])
    ['checkout-api', 'cart']
    """
    lower, found = text.lower(), dict[int, str]()
    taken = [False] * len(lower)
    for name in sorted(set(known) - {""}, key=lambda name: (-len(name), name)):
        for hit in re.finditer(rf"(?<![\w/-]){re.escape(name.lower())}(?![\w/-])", lower):
            if not any(taken[hit.start() : hit.end()]):
                taken[hit.start() : hit.end()] = [True] * len(name)
                found.setdefault(hit.start(), name)
    return list(dict.fromkeys(found[at] for at in sorted(found)))


def span_in(text: str) -> timedelta | None:
    """For how long back a text asks.

    >>> span_in("latency of checkout for 2 h"), span_in("in the last hour"), span_in("what changed")
    (datetime.timedelta(seconds=7200), datetime.timedelta(seconds=3600), None)
    """
    words = normalised(text)
    for name, span in _NAMED_SPANS.items():
        if re.search(rf"\b{name}\b", words):
            return span
    found = _SPAN.search(words)
    if found is None:
        return None
    number = _WORDS[found[1]] if found[1] in _WORDS else float(found[1])
    seconds = min(number * _UNITS[found[2][0]], _LONGEST.total_seconds())
    return timedelta(seconds=seconds) if seconds > 0 else None


def measure_in(text: str) -> str:
    """What is to be shown: latency, availability or requests; empty where nothing is named."""
    words = normalised(text)
    return next((name for name, pattern in _MEASURES.items() if pattern.search(words)), "")
