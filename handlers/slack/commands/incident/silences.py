"""``/incident silences`` and ``/incident unsilence ID``"""

from bot.incidents.silencing import end_silence
from bot.notify.slack.text import inline_code, literal, who
from bot.storage.queries import silences, tools
from handlers.slack.calls import Call
from handlers.slack.registry import command
from handlers.slack.silences import described

_LISTED = 20


@command("silences", help="the silences in force", place=8)
async def list_silences(call: Call) -> str:
    async with call.database.read() as connection:
        found = await silences.not_ended(connection, call.now)
        refusals = await tools.silence_refusals(connection)
    if not found:
        return "No silence is in force."
    lines = [
        f"• {inline_code(silence.id, 100)} {described(silence)} by {who(silence.created_by)}"
        + "".join(f" · not in {tool}: {literal(why, 200)}" for tool, why in refusals.get(silence.id, []))
        for silence in found[:_LISTED]
    ]
    more = [f"… and {len(found) - _LISTED} more"] if len(found) > _LISTED else []
    return "\n".join(lines + more)


@command("unsilence", args="ID", help="end one now", place=9)
async def unsilence(call: Call) -> str:
    await end_silence(call.database, call.text, call.who, call.now)
    return "🔔 Ended. What it held back and still fires is announced now."
