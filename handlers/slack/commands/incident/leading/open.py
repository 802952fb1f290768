"""``/incident open Checkout is slow service=checkout severity=high``"""

import re
from difflib import get_close_matches

from bot.errors import Refused
from bot.incidents.declaring import Declaration, declare
from handlers.slack.arguments import BadArguments, severity_in, straight
from handlers.slack.calls import Call, OpenForm
from handlers.slack.forms.open import open_view
from handlers.slack.registry import command

_OPTION = re.compile(r"""(?:^|\s+)([A-Za-z_][\w./-]*)=(?:"([^"]*)"|(\S+))$""")
_SERVICE, _SEVERITY = "service", "severity"


@command(
    "open",
    args="Customers cannot pay service=checkout severity=high",
    help="open an incident by hand; alerts of the service join it",
    more={"": "the same by a form"},
    place=2,
)
async def open_by_hand(call: Call) -> str | OpenForm:
    title, options = _read(call)
    if not title and not options:
        return OpenForm(open_view(call.channel))
    word = options.get(_SEVERITY)
    wish = Declaration(
        title,
        options.get(_SERVICE, ""),
        severity_in(call, word) if word else None,
        {name: value for name, value in options.items() if name not in (_SERVICE, _SEVERITY)},
    )
    opened = await declare(call.database, wish, call.endpoint.rules, call.who, call.now)
    return f"Incident #{opened.number} is open, {opened.severity}. It ends when somebody resolves it."


def _read(call: Call) -> tuple[str, dict[str, str]]:
    """The title, and the options behind it. Raises Refused."""
    known = [_SERVICE, _SEVERITY, *call.endpoint.rules.correlation.partition_by]
    title, options = straight(call.text), dict[str, str]()
    while found := _OPTION.search(title):
        name, value = found[1].lower(), found[2] if found[2] is not None else found[3]
        if name not in known:
            if near := get_close_matches(name, known, n=1):
                raise BadArguments(f"{name} is no option: did you mean {near[0]}?")
            break
        if name in options:
            raise BadArguments(f"{name} is given more than once")
        title, options[name] = title[: found.start()].rstrip(), value
    if not title and options:
        raise Refused(f"Say what is wrong, in a few words: `{call.example}`.")
    return title, options
