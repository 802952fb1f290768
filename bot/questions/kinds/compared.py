"""Compare before and after it began."""

import math
from datetime import datetime, timedelta

from bot.questions.measurements import amount, chart_of, history_of, middle, series_of, title_of
from bot.questions.question import MOST_LINES, Answer, Asked, Line, question
from bot.questions.words import counted, listed, span
from bot.storage.queries.records import service as records

_BEFORE = timedelta(hours=1)
_LATEST = timedelta(hours=1)
_WORTH_SAYING = 1.2
_MOST_SERVICES = 8


@question(
    "compared",
    label="Compare before and after",
    phrases={
        r"compar\w*": 5,
        r"before (and|vs|versus|or|against|to) (after|now|during|since)": 6,
        r"(after|now|during) (vs|versus|against|compared to|than) before": 6,
        r"(what|how)( \S+){0,3} (differ\w*|difference|higher|lower|worse than|better than|than usual|normal(ly)?|"
        r"than before|usual(ly)?)": 4,
        r"(different|changed|higher|lower|worse|better|slower) (from|than|to) (before|normal|usual|yesterday|ever)": 6,
        r"(difference|deviat\w*|baseline|abnormal|anomal\w*|unusual)": 3,
    },
    fits=lambda situation: bool(situation.rules.metrics.watch),
    place=55,
)
async def compared(asked: Asked) -> Answer:
    began = asked.incident.opened_at
    until = (
        min(asked.now, began + _LATEST) if asked.incident.open else min(asked.incident.resolved_at or began, asked.now)
    )
    names = list(asked.services) or [asked.situation.suspect, *asked.incident.services]
    names = [one for one in dict.fromkeys(names) if one][:_MOST_SERVICES]
    lines, chart, worst = [], None, 0.0
    for name in names:
        history = await history_of(asked.knowledge, asked.incident.domain, name)
        if history is None:
            continue
        before = series_of(history, began - _BEFORE, began)
        after = series_of(history, began, max(until, began + timedelta(minutes=1)))
        for series in before.keys() & after.keys():
            if asked.measure and series.metric != asked.measure:
                continue
            was, became = middle(before[series]), middle(after[series])
            text, ratio = _change(series.metric, was, became)
            lines.append((ratio, f"{title_of(series)}: {text}"))
            if ratio > worst:
                whole = series_of(history, began - _BEFORE, asked.now)[series]
                worst, chart = ratio, chart_of(series, whole, began - _BEFORE, f"{title_of(series)}, before and after")
    lines.sort(key=lambda pair: (-pair[0], pair[1]))
    counted_lines = await _alerts(asked, names, began, until)
    if not lines:
        says = f"No metrics of {listed(names, 3) or 'its services'} are watched, so only alerts can be compared."
        return Answer(says, counted_lines)
    changed = [text for ratio, text in lines if ratio >= _WORTH_SAYING]
    says = (
        f"Before it began against after: {changed[0]}."
        if changed
        else "What is measured has hardly changed since it began."
    )
    shown = [Line(text) for _, text in lines if not changed or text != changed[0]]
    return Answer(says, [*shown, *counted_lines][:MOST_LINES], chart if changed else None)


def _change(metric: str, was: float, became: float) -> tuple[str, float]:
    """In words, and how much it is: 1 where nothing changed."""
    text = f"{amount(metric, was)} before, {amount(metric, became)} after"
    if metric == "availability":
        failing, fails = 100.5 - was, 100.5 - became  # of what hardly ever fails, one more failure is no doubling
        return text, max(failing, fails) / max(min(failing, fails), 0.5)
    low, high = sorted((abs(was), abs(became)))
    return text, high / low if low > 0 else math.inf if high > 0 else 1.0


async def _alerts(asked: Asked, names: list[str], began: datetime, until: datetime) -> list[Line]:
    """How many alerts began on each service in the hour before, and since."""
    async with asked.knowledge.database.read() as connection:
        domains = [asked.incident.domain]
        found = []
        for name in names:
            before = await records.began(connection, name, began - _BEFORE, began, domains)
            after = await records.began(connection, name, began, until + timedelta(seconds=1), domains)
            found.append((name, len(before), len(after)))
    return [
        Line(f"{name}: {counted(before, 'alert')} began in the hour before, {after} in {span(until - began)} since")
        for name, before, after in found
        if before or after
    ]
