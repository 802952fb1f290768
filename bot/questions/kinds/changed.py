"""What changed?"""

from datetime import timedelta

from bot.domain.change import Change
from bot.domain.event import ChangeKind
from bot.questions.question import MOST_LINES, Answer, Asked, Line, question
from bot.questions.words import ago, counted, listed, span
from bot.storage.queries import changes

_BACK = timedelta(days=1)
_NAMED = {ChangeKind.CONFIG: "config change", ChangeKind.DATA: "data change", ChangeKind.MODEL: "model change"}


@question(
    "changed",
    label="What changed?",
    phrases={
        r"what (has |have |had |was |is |were |did )?(been )?(chang\w+|deployed|released|rolled out|new|different)": 5,
        r"(did|has|have|was|were|is) (any ?(thing|one|body)|some ?(thing|one|body)|we|there)( been)?( any)?"
        r"( new| recent)? ?(chang\w*|deploy\w*|releas\w*|push\w*|roll\w* out)": 5,
        r"(any|recent|latest|last|show|list|which|the) (me )?(the )?(recent |latest |last )?"
        r"(changes?|deploy\w*|releases?|roll ?outs?|config\w*)": 4,
        r"who (deployed|changed|released|pushed|rolled out)": 5,
        r"(changes?|deploys?|deployments?|releases?|roll ?outs?)": 2,
    },
    place=10,
)
async def changed(asked: Asked) -> Answer:
    incident, situation = asked.incident, asked.situation
    names = list(asked.services) or situation.around
    since = asked.now - asked.span if asked.span else incident.opened_at - _BACK
    async with asked.knowledge.database.read() as connection:
        found = await changes.between(connection, situation.domains, names, since, asked.now)
    where = listed(names, 3) if asked.services else "its services and what they depend on"
    if not found:
        return Answer(
            f"No change of {where} was reported in the last {span(asked.now - since)}. What is not sent to Tandem it "
            "does not know."
        )
    before = [one for one in found if one.at <= incident.opened_at]
    after = [one for one in reversed(found) if one.at > incident.opened_at]
    suspect = next((one for one in before if one.service == situation.suspect), None) or next(iter(before), None)
    says = f"{counted(len(found), 'change')} of {where} in the last {span(asked.now - since)}."
    if suspect:
        says += f" Nearest before it began: {_what(suspect)}, {span(incident.opened_at - suspect.at)} before."
    lines = [_line(one, asked) for one in [*before, *after]]
    return Answer(says, lines[:MOST_LINES])


def _what(change: Change) -> str:
    kind = _NAMED.get(change.change, str(change.change))
    version = f" {change.version}" if change.version and change.version not in change.title else ""
    title = f": {change.title}" if change.title else ""
    return f"{kind} of {change.service}{version}{title}"


def _line(change: Change, asked: Asked) -> Line:
    began = asked.incident.opened_at
    gap = f"{span(began - change.at)} before it began" if change.at <= began else f"{span(change.at - began)} after"
    by = f", by {change.actor}" if change.actor else ""
    return Line(f"{_what(change)}{by} ({gap}, {ago(change.at, asked.now)})", change.at, url=change.link)
