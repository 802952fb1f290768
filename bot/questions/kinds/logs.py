"""What do the logs say?"""

from bot.notify.readings import sentence_of
from bot.questions.question import MOST_LINES, Answer, Asked, Line, question
from bot.questions.words import counted
from bot.storage.queries import alerts

_MOST_READ = 200


@question(
    "logs",
    label="What do the logs say?",
    phrases={
        r"error (logs?|lines?|messages?)": 7,
        r"logs?( lines?| messages?)?( say| show| of| for)?": 4,
        r"(exceptions?|stack ?traces?|error messages?|log lines?|tracebacks?)": 4,
    },
    fits=lambda situation: bool(situation.rules.logs.watch),
    place=85,
)
async def logs(asked: Asked) -> Answer:
    async with asked.knowledge.database.read() as connection:
        known = (await alerts.of_incidents(connection, [asked.incident.id], _MOST_READ))[asked.incident.id]
    watches = asked.knowledge.rules.logs.watch
    found = [one for one in known if one.labels.get("watch", "") in watches or one.name.startswith("Log")]
    found = [one for one in found if not asked.services or one.service in asked.services]
    if not found:
        watched = "" if watches else " No logs are watched: `logs.watch` in tandem.yaml names them."
        return Answer(f"No alert of this incident comes of logs.{watched}")
    lines = [
        Line(f"{one.name} on {one.service}: {sentence_of(one) or 'no message'}", one.starts_at, url=one.link)
        for one in found
    ]
    return Answer(f"{counted(len(found), 'alert')} of this incident come of logs.", lines[:MOST_LINES])
