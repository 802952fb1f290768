"""``/incident silence``, as text or as a form"""

from bot.errors import Refused
from bot.incidents.silencing import add_silence, parse_silence_span
from handlers.slack.arguments import BadArguments, matchers_in, words_in
from handlers.slack.calls import Call, OpenForm
from handlers.slack.forms.silence import silence_view
from handlers.slack.registry import command
from handlers.slack.silences import announced


@command(
    "silence",
    args='2h service=checkout alertname=~"Disk.*" # why',
    help="alerts that match call nobody for two hours",
    more={"": "open a form for the same"},
    place=7,
)
async def silence(call: Call) -> str | OpenForm:
    if not call.text:
        return OpenForm(silence_view(call.channel))
    wish, _, comment = call.text.partition(" #")
    words = words_in(wish)
    try:
        span = parse_silence_span(words[0] if words else "")
    except ValueError as error:
        raise BadArguments(str(error)) from error
    matchers = matchers_in(words[1:])
    if not matchers:
        raise Refused(
            "Say which alerts, as in: `/incident silence 2h service=checkout`. A silence over all is not made."
        )
    return announced(await add_silence(call.database, matchers, span, comment.strip(), call.who, call.now))
