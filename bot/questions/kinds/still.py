"""Is it still happening?"""

from collections.abc import Sequence
from datetime import timedelta

from bot.domain.incident import Tally
from bot.questions.question import MOST_LINES, Answer, Asked, Line, question
from bot.questions.words import ago, alert_words, counted, span

_LATELY = timedelta(minutes=5)


@question(
    "still",
    label="Is it still happening?",
    phrases={
        r"(is|are|does|do)( \S+){0,3} (still|yet|continu\w*|ongoing|going on|persist\w*)": 4,
        r"still (happening|going|on|firing|broken|down|slow|there|an issue|a problem|bad|failing|happen|fire|open)": 4,
        r"(is|are|was|has|have)( \S+){0,3} (over|fixed|resolved|recover\w*|gone|back( to normal)?|ok|okay|healthy|"
        r"done|solved|better|improv\w*|stopped|working again|stable)": 4,
        r"(getting|become|becoming|got) (any )?(better|worse)": 4,
        r"did (it|that|this|\S+) (stop|recover|end|work|help|resolve|clear)": 4,
        r"(are|is|were) (we|things|it|all|everything) (all )?(good|fine|well|clear|okay|ok|safe)( again| now)?": 4,
        r"did( \S+){1,4} (help|work|fix it|do it|solve it)": 5,
        r"(recovered|ongoing)": 2,
    },
    place=40,
)
async def still(asked: Asked) -> Answer:
    incident, now = asked.incident, asked.now
    tallies = [one for one in asked.situation.tallies if not asked.services or one.service in asked.services]
    active = [tally for tally in tallies if tally.active]
    ended = [tally for tally in tallies if not tally.active]
    if not incident.open and not active:
        when = f" {ago(incident.resolved_at, now)}" if incident.resolved_at else ""
        return Answer(f"No. It was resolved{when}, and no alert of it fires.", _quiet(ended))
    if not active:
        last = max((tally.last_at for tally in ended if tally.last_at), default=None)
        since = f" The last one ended {ago(last, now)}." if last else ""
        return Answer(f"No alert of it fires now, though it is not resolved yet.{since}", _quiet(ended))
    count = sum(tally.alerts for tally in active)
    fresh = [tally for tally in active if tally.last_at and now - tally.last_at <= _LATELY]
    newest = max((tally.last_at for tally in active if tally.last_at), default=None)
    says = f"Yes: {counted(count, 'alert')} {'fires' if count == 1 else 'fire'}"
    says += f", {sum(one.alerts for one in ended)} ended" if ended else ""
    says += f". Last word of them {ago(newest, now)}." if newest else "."
    if not fresh and newest:
        says += f" Nothing was repeated for {span(now - newest)}: whether it goes on, nobody has confirmed since."
    if not incident.open:
        says = f"It was resolved by hand. {says}"
    flapping = [tally for tally in active if tally.flapping]
    says += f" {counted(len(flapping), 'kind')} of alert flaps." if flapping else ""
    lines = [
        Line(f"{alert_words(tally)}: fires{' on and off' if tally.flapping else ''} for {span(now - tally.first_at)}")
        for tally in active
    ]
    return Answer(says, lines[:MOST_LINES])


def _quiet(ended: Sequence[Tally]) -> list[Line]:
    return [Line(f"{alert_words(tally)}: ended", tally.last_at) for tally in ended[:MOST_LINES]]
