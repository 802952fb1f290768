"""What would you do?"""

from collections.abc import Sequence

from bot.domain.run import Run, RunStatus
from bot.domain.runbook import fits
from bot.questions.question import MOST_LINES, Answer, Asked, Line, Situation, question
from bot.storage.queries import runs


def _is_open(situation: Situation) -> bool:
    return situation.incident.open


@question(
    "what_to_do",
    label="What would you do?",
    phrases={
        r"what (would|should|can|could|do|must|to)( (i|we|you|one))?( \w+)? (do|try|run|check|suggest|"
        r"recommend|advise)": 5,
        r"what (can|could|should|must|has to|needs to) be (done|tried|checked)": 5,
        r"what (now|next)|next steps?|now what": 5,
        r"(any )?(suggest\w*|recommend\w*|advice|advise|ideas?|options?|remed\w+|mitigat\w*|workarounds?|"
        r"run ?books?|playbooks?)": 4,
        r"(how|can|could) (do |can |could |should |would |to )?(i |we |you |one )?(fix|solve|mitigate|remedy|"
        r"stop|repair|resolve|recover|help)": 4,
        r"(should|can) (i|we) (roll ?back|restart|scale|revert|redeploy|rerun|retrain|reboot)": 5,
        r"(fix|solution)": 2,
    },
    fits=_is_open,
    place=20,
)
async def what_to_do(asked: Asked) -> Answer:
    incident, rules = asked.incident, asked.knowledge.rules
    async with asked.knowledge.database.read() as connection:
        known = (await runs.of_incidents(connection, [incident.id]))[incident.id]
    lines = [_run(run) for run in known]
    offered = {run.runbook for run in known}
    fitting = [
        (name, book)
        for name, book in rules.runbooks.items()
        if name not in offered and fits(book.when, incident, list(asked.situation.tallies))
    ]
    lines += [Line(f"“{book.title}” fits too: /incident run {name} {incident.number}") for name, book in fitting]
    helped = [title for one in incident.past for title in one.helped_titles]
    lines += [Line(f"“{title}” helped in an incident like this") for title in dict.fromkeys(helped)]
    says = _says(asked, known, bool(fitting))
    return Answer(says, [*lines, *_checks(asked)][:MOST_LINES])


def _says(asked: Asked, known: Sequence[Run], fitting: bool) -> str:
    if not asked.incident.open:
        return "It is resolved; nothing needs to be done."
    waiting = next((run for run in known if run.status is RunStatus.PROPOSED), None)
    working = next((run for run in known if not run.status.ended and run.status is not RunStatus.PROPOSED), None)
    if working:
        return f"Wait for “{working.plan.title}”: it is {working.status}."
    if waiting:
        cause = asked.incident.causes[0].phrase if asked.incident.causes else "what fires"
        return f"“{waiting.plan.title}” fits {cause} and waits for approval on the incident's message."
    if fitting:
        return "A runbook fits and nobody has proposed it."
    return "No runbook fits. This is where I would look:"


def _run(run: Run) -> Line:
    outcome = f": {run.outcome}" if run.outcome else ""
    return Line(f"“{run.plan.title}” is {run.status}{outcome}", run.ended_at or run.created_at)


def _checks(asked: Asked) -> list[Line]:
    """Where to look, where nothing is offered."""
    causes, lines = asked.incident.causes, []
    if causes:
        lines.append(Line(f"{causes[0].service}: {'; '.join(causes[0].evidence[:2]) or causes[0].phrase}"))
    elif first := next((tally for tally in asked.situation.tallies if tally.active), None):
        lines.append(Line(f"{first.service or 'the first alert'}: {first.name} fires first in importance"))
    if asked.incident.open and not asked.incident.looked_after_by:
        lines.append(Line("Nobody has acknowledged it: take it, so that others know"))
    return lines
