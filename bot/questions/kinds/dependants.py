"""What depends on it, and who is affected?"""

from collections.abc import Mapping

from bot.domain.incident import Tally
from bot.questions.question import MOST_LINES, Answer, Asked, Line, Situation, question
from bot.questions.words import counted, listed
from bot.storage.queries.listed.incidents import IncidentFilter, matching

_MOST_OPEN = 200


def _has_dependants(situation: Situation) -> bool:
    return bool(situation.suspect and situation.topology.above(situation.suspect))


@question(
    "dependants",
    label="What depends on it?",
    phrases={
        r"(what|who|which|any ?thing|any ?one)( \w+){0,2} (depends?|rel(y|ies)|relying|builds?|calls?|uses?) "
        r"(on |upon )?(it|this|that|\S+)": 4,
        r"depends? on (it|this|that)": 2,
        r"(who|what|which|how many|any ?one|any ?thing)( else)?( \w+){0,2} (is |are |was |were |be |gets? )?"
        r"(affected|impacted|hit|hurt|suffer\w*|broken by)": 5,
        r"(blast radius|impact|fall ?out|reach|damage|dependents?|dependants?|upstream|downstream|consumers?|"
        r"callers?)": 3,
        r"how (far|wide|widely|big)( \w+){0,3}( spread| reach| impact)?": 3,
        r"(users?|customers?|clients?) (affected|impacted|see|notice|feel)": 4,
        r"(do|does|are|will|can) (our |the |any )?(users?|customers?|clients?)": 3,
        r"what (would|will|could|might) (also )?(break|fail|go down|stop|happen)": 5,
        r"what else (is|could|might|will|would) (be )?(affected|break|fail|go down|broken)": 5,
    },
    fits=_has_dependants,
    place=30,
)
async def dependants(asked: Asked) -> Answer:
    situation = asked.situation
    target = next(iter(asked.services), "") or situation.suspect
    if not target:
        return Answer("It names no service, so what depends on it is not known.")
    above = situation.topology.above(target)
    affected = {tally.service: tally for tally in reversed(situation.tallies) if tally.active}
    others = [one for one in asked.incident.services if one != target and one not in above]
    if not above:
        says = f"Nothing that is known depends on {target}."
        rest = f" Also in this incident: {listed(others)}." if others else ""
        return Answer(says + rest, [_line(name, "in this incident", affected) for name in others[:MOST_LINES]])
    hit = [name for name in above if name in affected]
    elsewhere = await _open_elsewhere(asked, set(above) - set(hit))
    critical = [name for name in above if name in asked.knowledge.rules.critical]
    says = f"{counted(len(above), 'service')} depend on {target}: {len(hit)} of them have alerts in this incident."
    if len(above) == 1:
        says = f"{next(iter(above))} depends on {target}, {'and has' if hit else 'without'} alerts in this incident."
    says += f" Marked critical: {listed(critical)}." if critical else ""
    order = sorted(above, key=lambda name: (name not in affected, above[name], name))
    lines = [_line(name, _hops(above[name]), affected, elsewhere.get(name, "")) for name in order]
    return Answer(says, lines[:MOST_LINES])


def _hops(hops: int) -> str:
    return "directly" if hops == 1 else f"through {counted(hops - 1, 'other')}"


def _line(name: str, how: str, affected: Mapping[str, Tally], more: str = "") -> Line:
    tally = affected.get(name)
    state = f"{tally.name} fires" if tally else more or "no alert"
    return Line(f"{name} ({how}): {state}")


async def _open_elsewhere(asked: Asked, names: set[str]) -> dict[str, str]:
    """Other incidents of the same domain that these services are in."""
    async with asked.knowledge.database.read() as connection:
        wanted = IncidentFilter("open", domains=[asked.incident.domain])
        opened = await matching(connection, wanted, None, _MOST_OPEN)
    others = [one for one in opened if one.id != asked.incident.id]
    return {name: f"in incident #{one.number}" for one in others for name in one.services if name in names}
