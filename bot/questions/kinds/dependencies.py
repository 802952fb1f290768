"""What does it depend on?"""

from bot.questions.question import MOST_LINES, Answer, Asked, Line, question
from bot.questions.words import counted


@question(
    "dependencies",
    label="What does it depend on?",
    phrases={
        r"what (does|do|is|are) (\S+ ){1,3}(depend\w*|rely|relies|relying|built|call\w*|use|need)( on| upon)?": 6,
        r"(its|the|all|show|list) (\S+ )?dependenc(y|ies)": 5,
        r"dependenc(y|ies)( of)?": 3,
        r"what is (below|beneath|under|behind) (it|\S+)": 4,
        r"topology": 3,
    },
    place=60,
)
async def dependencies(asked: Asked) -> Answer:
    situation = asked.situation
    target = next(iter(asked.services), "") or next(iter(asked.incident.services), situation.suspect)
    below = situation.topology.below(target)
    if not below:
        return Answer(f"Nothing is known that {target or 'it'} depends on.")
    firing = {tally.service: tally for tally in reversed(situation.tallies) if tally.active}
    hit = sum(name in firing for name in below)
    order = sorted(below, key=lambda name: (name not in firing, below[name], name))
    lines = [
        Line(
            f"{name} ({'directly' if below[name] == 1 else f'{below[name]} steps away'}): "
            f"{f'{firing[name].name} fires' if name in firing else 'no alert in this incident'}"
        )
        for name in order
    ]
    has = "has" if hit == 1 else "have"
    says = f"{target} depends on {counted(len(below), 'service')}, of which {hit} {has} alerts here."
    return Answer(says, lines[:MOST_LINES])
