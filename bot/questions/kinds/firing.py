"""Which alerts fire?"""

from bot.notify.readings import reading_in_words
from bot.questions.question import MOST_LINES, Answer, Asked, Line, question
from bot.questions.words import alert_words, counted
from bot.storage.queries import alerts


@question(
    "firing",
    label="Which alerts fire?",
    phrases={
        r"(what|which|how many|show|list|all|the) (\w+ ){0,2}alerts?( \w+)?": 4,
        r"what (is|are|was|were) (\w+ )?(firing|alerting|ringing|red)": 5,
        r"symptoms?|signals?": 3,
        r"alerts?": 1,
        r"(what|which) (broke|is broken|fails|is failing|is down|services? (is|are) (down|failing|broken|affected))": 4,
    },
    place=90,
)
async def firing(asked: Asked) -> Answer:
    tallies = [one for one in asked.situation.tallies if not asked.services or one.service in asked.services]
    active = [tally for tally in tallies if tally.active]
    shown = active or tallies
    total = sum(tally.alerts for tally in shown)
    state = "fire" if active else "fired, and none does now"
    if not shown:
        return Answer(
            "No alert is in this incident." if not asked.services else "None of its alerts is on that service."
        )
    async with asked.knowledge.database.read() as connection:
        examples = [
            await alerts.example_of(connection, asked.incident.id, one.service, one.name) for one in shown[:MOST_LINES]
        ]
    lines = [
        Line(
            f"{alert_words(tally)}{f': {says}' if example and (says := reading_in_words(example)) else ''}",
            tally.first_at,
            url=example.link if example else "",
        )
        for tally, example in zip(shown, examples, strict=False)
    ]
    verb = state if total != 1 or not active else "fires"
    return Answer(f"{counted(total, 'alert')} of {counted(len(shown), 'kind')} {verb}.", lines)
