"""``/model check NAME``"""

from bot.errors import Refused
from bot.incidents import permissions
from bot.incidents.permissions import Action
from bot.notify.slack.text import inline_code
from handlers.slack.calls import Call
from handlers.slack.models import model_of, watch_of
from handlers.slack.registry import MODEL, command


@command(
    "check",
    slash=MODEL,
    args="demand-forecast",
    help="check what came since the last checks now, however little it is",
    place=3,
)
async def check(call: Call) -> str:
    watch = watch_of(call)
    name = model_of(call, watch)
    async with call.database.read() as connection:
        waits = (await watch.overview_of(connection, name)).waits
    if not waits:
        raise Refused(f"Nothing came of {inline_code(name, 100)} since its last checks.")
    permissions.require(call.who, Action.CHECK_MODEL)
    watch.request_checks(name)
    return f"Checking {inline_code(name, 100)}; in a moment `/model show` says what was found."
