"""What an alert says: its sender's sentence, and the value that it saw against the threshold of its rule.

Prometheus sends no threshold. It stands in the rule's expression, which the alert's link holds:
https://prometheus.io/docs/alerting/latest/clients/ (``generatorURL``).
"""

import re
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from bot.domain.alert import Alert
from bot.domain.watched.in_words import Measure, measure_of
from bot.notify.instances import value_of
from bot.notify.plain_text import is_blank, shortened

SUMMARY_KEYS: Final = ("summary", "description", "message")
_MOST_TEXT, _MOST_EXPRESSION = 160, 2000
_COMPARED = re.compile(r"(>=|<=|==|!=|>|<)\s*(?:bool\s*)?(-?\d[\d.]*(?:e[-+]?\d+)?)[\s)]*$", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)
_QUANTILE = re.compile(r"histogram_quantile\(\s*(0?\.\d+)")
_SERIES = re.compile(r"\b([a-zA-Z_:][\w:]*)\s*(?=\{|\[)")
_ARITHMETIC = re.compile(r"[/*%^]|\s[-+]\s")
_NOTHING_KNOWN = Measure("value")


class Rule(NamedTuple):
    """Of an alert's rule: what it looks at, how that is said, and with what it is compared."""

    measure: Measure
    compared: str
    limit: float


def sentence_of(alert: Alert) -> str:
    """What the sender says in words: the first line of it; empty where it says nothing."""
    notes = alert.annotations
    text = next((notes[key] for key in SUMMARY_KEYS if not is_blank(notes.get(key, ""))), "")
    return shortened(next(filter(None, map(str.strip, text.splitlines())), ""), _MOST_TEXT)


def reading_in_words(alert: Alert) -> str:
    """What the sender says, with value and threshold where it does not say them itself; empty where nothing is said."""
    text, given, rule = sentence_of(alert), value_of(alert), rule_of(alert.link)
    number = float(given) if _NUMBER.fullmatch(given) else None
    if number is None:
        return text
    if rule is None:
        measured = "" if _says(text, given) else f"value {shortened(given, 30)}"
    elif _says(text, given) or rule.measure.said(number) in text:
        measured = "" if _says(text, f"{rule.limit:g}") else rule.measure.threshold(rule.compared, rule.limit)
    else:
        subject = "" if text else alert.service
        measured = rule.measure.of(subject, number, rule.measure.threshold(rule.compared, rule.limit))
    return " · ".join(filter(None, (text, measured.removeprefix("it "))))


def rule_of(link: str) -> Rule | None:
    """The rule of an alert of Prometheus, from the link to its expression.

    >>> rule = rule_of("http://p/graph?g0.expr=histogram_quantile(0.95,rate(http_request_duration_seconds_bucket[5m]))>0.5")
    >>> rule.measure.of("cart", 0.84, rule.measure.threshold(rule.compared, rule.limit))
    'cart answers in 840 ms (p95), above the threshold of 500 ms'
    """
    try:
        expression = parse_qs(urlsplit(link).query).get("g0.expr", [""])[0][:_MOST_EXPRESSION]
    except ValueError:
        return None
    compared = _COMPARED.search(expression)
    if compared is None:
        return None
    try:
        return Rule(_measure(expression[: compared.start()]), compared[1], float(compared[2]))
    except ValueError:
        return None


def _measure(expression: str) -> Measure:
    names = list(dict.fromkeys(_SERIES.findall(expression))) or [expression.strip()]
    quantile = _QUANTILE.search(expression)
    if quantile and len(names) == 1:
        return measure_of({"__name__": names[0].removesuffix("_bucket"), "quantile": f"{float(quantile[1]):g}"}, False)
    bases = {name.removesuffix("_sum").removesuffix("_count") for name in names}
    if len(names) == 2 and len(bases) == 1:
        return measure_of({"__name__": bases.pop()}, counter=False)
    if len(names) > 1 or _ARITHMETIC.search(expression):
        return _NOTHING_KNOWN
    return measure_of({"__name__": names[0]}, counter="rate(" in expression)


def _says(text: str, number: str) -> bool:
    return re.search(rf"(?<![\d.]){re.escape(number)}(?![\d.]*\d)", text) is not None
