"""``/model reference NAME VERSION``"""

from bot.config.nearest import nearest
from bot.errors import Refused
from bot.notify.slack.text import escaped, inline_code
from bot.watches.models.choice import choose_reference
from handlers.slack.calls import Call
from handlers.slack.models import model_of, watch_of
from handlers.slack.registry import MODEL, command


@command(
    "reference",
    slash=MODEL,
    args="demand-forecast v3",
    help="compare it with this version",
    more={"demand-forecast newest": "compare it with the newest again"},
    place=4,
)
async def choose(call: Call) -> str:
    name = model_of(call, watch_of(call))
    words = call.text.split()
    if len(words) != 2:
        raise Refused(f"Say which version, as in: `{call.example}`.")
    version = words[1]
    known = await choose_reference(call.database, name, version, call.who, call.now)
    if known is not None:
        hint = escaped(nearest(version, known), 300)
        raise Refused(f"{inline_code(name, 100)} has no reference {inline_code(version, 100)}{hint}")
    return f"{inline_code(name, 100)} is compared with {inline_code(version, 100)} from its next check on."
