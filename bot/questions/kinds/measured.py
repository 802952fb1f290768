"""Show a measure of a service over time."""

from datetime import timedelta

from bot.questions.measurements import REACH, amount, chart_of, history_of, last_known, middle, series_of, title_of
from bot.questions.question import MOST_LINES, Answer, Asked, Line, question
from bot.questions.words import listed, span

_DEFAULT = timedelta(hours=1)
_MOST_LOOKED_AT = 12


@question(
    "measured",
    label="Show the latency",
    phrases={
        r"(show|plot|graph|chart|draw|display|give|get|see|look at|how (is|are|was|high|low|much|many|slow|fast))"
        r"( \S+){0,4} (latenc(y|ies)|response times?|durations?|error rates?|errors?|availability|requests?|traffic|"
        r"throughput|rps|qps|metrics?|p\d\d|success rate|load)": 6,
        r"(latenc(y|ies)|response times?|error rates?|availability|throughput|request rate|p\d\d) (of|for|on|"
        r"in|over)": 5,
        r"(graph|chart|plot|metrics?)": 3,
        r"(latenc(y|ies)|response times?|throughput|availability|error rate)": 2,
    },
    fits=lambda situation: bool(situation.rules.metrics.watch),
    place=45,
)
async def measured(asked: Asked) -> Answer:
    names = list(asked.services) or _suspects(asked)
    wanted = min(asked.span or _DEFAULT, REACH)
    since = asked.now - wanted
    for name in names:
        history = await history_of(asked.knowledge, asked.incident.domain, name)
        if history is None:
            continue
        found = series_of(history, since, asked.now)
        fitting = {one: values for one, values in found.items() if not asked.measure or one.metric == asked.measure}
        if not fitting:
            continue
        first, values = next(iter(fitting.items()))
        newest = last_known(values)
        title = f"{title_of(first)}, last {span(wanted)}"
        now = f", {amount(first.metric, newest[1])} {newest[0]} min ago" if newest else ""
        says = f"{title}: usually {amount(first.metric, middle(values))}{now}."
        says += _cut(asked.span, wanted)
        lines = [
            Line(f"{title_of(one)}: median {amount(one.metric, middle(more))}")
            for one, more in list(fitting.items())[1:MOST_LINES]
        ]
        return Answer(says, lines, chart_of(first, values, since, title))
    what = asked.measure or "no measure"
    where = listed(names, 3) if names else "a service"
    lead = f"{what} of {where} is not among the metrics that are watched"
    return Answer(
        f"I cannot show that: {lead} (metrics.watch in tandem.yaml), or nothing came in the last {span(wanted)}."
    )


def _cut(asked: timedelta | None, wanted: timedelta) -> str:
    return f" More than {span(wanted)} is not kept." if asked and asked > wanted else ""


def _suspects(asked: Asked) -> list[str]:
    named = [asked.situation.suspect, *asked.incident.services, *asked.situation.around]
    return [one for one in dict.fromkeys(named) if one][:_MOST_LOOKED_AT]
