"""What was it last time?"""

from bot.questions.question import Answer, Asked, Line, Situation, question
from bot.questions.words import ago, counted, span
from bot.storage.queries import incidents

_MOST = 5


def _has_past(situation: Situation) -> bool:
    return bool(situation.incident.past)


@question(
    "last_time",
    label="What was it last time?",
    phrases={
        r"last time|the time before|previously|previous (time|incident)s?|(in the )?past( incidents?)?": 6,
        r"(happened|seen|had|occurred|was there|were there|did)( \S+){0,3} (before|already|ever|earlier|"
        r"in the past)": 5,
        r"(seen|had) (it|this|that|one like) ?(before)?": 3,
        r"(similar|like this|alike|same) ?(incidents?|one|thing|problem|issue)?": 3,
        r"(how|what)( \w+){0,3} (fix\w*|help\w*|solv\w*|resolv\w*)( \w+){0,2} (last|before|then|previous\w*|"
        r"back then)": 6,
        r"(history|recurr\w*|again\b.*before|how often|is (it|this) (new|known))": 3,
    },
    fits=_has_past,
    place=35,
)
async def last_time(asked: Asked) -> Answer:
    past = asked.incident.past[:_MOST]
    if not past:
        return Answer("No incident of the past is known that is like this one.")
    async with asked.knowledge.database.read() as connection:
        known = [await incidents.by_number(connection, one.number) for one in past]
    lines = []
    for one, then in zip(past, known, strict=True):
        helped = f"; {' and '.join(one.helped_titles)} helped" if one.helped_titles else "; no runbook was verified"
        cause = f"; cause: {then.causes[0].phrase}" if then and then.causes else ""
        by = (then.resolved_by,) if then and then.resolved_by and not one.helped_titles else ()
        lasted = span(one.resolved_at - one.opened_at)
        title = f" {then.title}" if then and then.title else ""
        lines.append(
            Line(f"#{one.number}{title}: lasted {lasted}, {one.likeness:.0%} alike{cause}{helped}", one.opened_at, by)
        )
    first = past[0]
    likest = f"the likest is #{first.number}, {ago(first.opened_at, asked.now)}"
    says = f"{counted(len(past), 'incident')} like this before; {likest}."
    if first.helped_titles:
        says += f" Then {' and '.join(f'“{title}”' for title in first.helped_titles)} helped, verified."
    return Answer(says, lines)
