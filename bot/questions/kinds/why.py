"""Why do you think so?"""

from bot.questions.question import MOST_LINES, Answer, Asked, Line, Situation, question
from bot.storage.queries import incidents


def _has_cause(situation: Situation) -> bool:
    return bool(situation.incident.causes)


@question(
    "why",
    label="Why do you think so?",
    phrases={
        r"why (do|did|would|should|are|is|was|that|this|it|you|so|not)( \S+)*": 3,
        r"(did|does|do|is|was|could|can|might)( \S+){1,5} (cause\w*|trigger\w*|lead to|led to|explain\w*|"
        r"responsible)": 4,
        r"why": 2,
        r"(root )?causes?": 3,
        r"(what|which) (is |was )?(the )?(root )?(caused?|reason|trigger\w*|culprit|explanation|evidence|"
        r"to blame|behind)": 4,
        r"(evidence|proof|reasons?|reasoning|explain|justify|explanation|culprit|suspects?)": 3,
        r"how (sure|certain|confident|likely|do you know|come)": 5,
        r"are you (sure|certain|confident)": 5,
        r"what (makes|made) you": 5,
        r"where did (it|this) (start|begin|come from|originate)": 4,
    },
    fits=_has_cause,
    place=5,
)
async def why(asked: Asked) -> Answer:
    causes = asked.incident.causes
    async with asked.knowledge.database.read() as connection:
        entries = await incidents.timeline_of(connection, asked.incident.id)
    told = [entry for _, entry in entries if entry.kind == "cause"]
    if not causes:
        lines = [Line(entry.text, entry.at) for entry in told[-3:]]
        return Answer(
            "The cause is not clear: nothing that is known singles out one service. I name none rather than guess.",
            lines,
        )
    first, others = causes[0], causes[1:]
    says = f"{first.phrase}, {first.score:.0%} likely by what is known."
    lines = [Line(evidence) for evidence in first.evidence]
    lines += [
        Line(f"Less likely, {one.score:.0%}: {one.phrase} ({'; '.join(one.evidence) or 'no evidence of its own'})")
        for one in others
    ]
    if len(told) > 1:
        lines.append(Line(f"It was named anew {len(told) - 1} times; last: {told[-1].text}", told[-1].at))
    return Answer(says, lines[:MOST_LINES])
