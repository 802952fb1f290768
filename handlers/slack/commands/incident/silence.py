"""``/incident silence``, as text or as a form"""

from bot.errors import Refused
from bot.incidents.silencing import TooBroad, add_silence, parse_silence_span
from bot.notify.slack.text import escaped, inline_code
from handlers.slack.answers import NotDone
from handlers.slack.arguments import ANYWAY, BadArguments, matchers_in
from handlers.slack.calls import Call, OpenForm
from handlers.slack.forms.silence import silence_view
from handlers.slack.registry import command
from handlers.slack.silences import announced


@command(
    "silence",
    args='2h service=checkout alertname=~"Disk.*" # why',
    help="alerts that match call nobody for two hours",
    more={"": "open a form for the same", "2h anyway severity=info": "although that matches most of what fires"},
    place=7,
)
async def silence(call: Call) -> str | OpenForm:
    if not call.text:
        return OpenForm(silence_view(call.channel))
    wish, _, comment = call.text.partition(" #")
    given, _, matching = wish.strip().partition(" ")
    try:
        span = parse_silence_span(given)
    except ValueError as error:
        raise BadArguments(str(error)) from error
    anyway, matching = _confirmed(matching.strip())
    matchers = matchers_in(matching)
    if not matchers:
        raise Refused(
            "Say which alerts, as in: `/incident silence 2h service=checkout`. A silence over all is not made."
        )
    try:
        made = await add_silence(call.database, matchers, span, comment.strip(), call.who, call.now, anyway=anyway)
    except TooBroad as broad:
        again = inline_code(f"/incident silence {given} {ANYWAY} {matching}", 500)
        raise NotDone(f"{escaped(str(broad), 900)}\nTo silence them all: {again}") from broad
    return announced(made)


def _confirmed(matching: str) -> tuple[bool, str]:
    """Whether the word of confirmation stands before or behind the matchers, and these without it."""
    first, _, rest = matching.partition(" ")
    if first.lower() == ANYWAY:
        return True, rest.strip()
    before, _, last = matching.rpartition(" ")
    return (True, before) if last.lower() == ANYWAY else (False, matching)
