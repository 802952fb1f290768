"""When did it begin, and how long has it lasted?"""

from bot.questions.question import MOST_LINES, Answer, Asked, Line, question
from bot.questions.words import ago, alert_words, span


@question(
    "began",
    label="When did it begin?",
    phrases={
        r"when (did|has|was|were|is)( \S+){0,3} (start\w*|begin|began|begun|first|open\w*|happen\w*|break|"
        r"broke|fail\w*)": 5,
        r"(at )?what time": 5,
        r"since when|how long( (has|is|was|did))?|how old": 4,
        r"(what|which)( \w+)? (fired|broke|failed|happened|came|alerted|was|went wrong) first": 5,
        r"first (alert|sign|symptom)s?": 4,
        r"(start|beginning|onset) (time|of (it|this|the))": 4,
        r"timeline": 3,
    },
    place=80,
)
async def began(asked: Asked) -> Answer:
    incident, now = asked.incident, asked.now
    first = sorted(asked.situation.tallies, key=lambda tally: (tally.first_at, tally.service, tally.name))
    lasted = span(incident.lasted(now))
    state = f"and lasts {lasted} so far" if incident.open else f"and lasted {lasted}"
    says = f"Its first alert began {ago(incident.opened_at, now)} {state}."
    if (known := incident.learnt_at - incident.opened_at).total_seconds() >= 1:
        says += f" Tandem knew of it {span(known)} later."
    if incident.reopened_at:
        says += f" It reopened {ago(incident.reopened_at, now)}."
    lines = [Line(f"{alert_words(tally)} began", tally.first_at) for tally in first[:MOST_LINES]]
    return Answer(says, lines)
