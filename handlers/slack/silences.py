"""Silences in words, for the commands and the form that make and list them."""

from bot.domain.silence import Silence
from bot.incidents.silencing import Made
from bot.notify.slack.text import inline_code, literal, when

MAX_HINTS = 3


def described(silence: Silence) -> str:
    matchers = " ".join(map(str, silence.matchers))
    why = f" ({literal(silence.comment, 300)})" if silence.comment else ""
    return f"{inline_code(matchers, 600)} until {when(silence.ends_at)}{why}"


def announced(made: Made) -> str:
    """What was done, and what it matches; where it matches nothing, why that may be."""
    silence, reach = made
    hints = "".join(f"\n⚠️ {literal(hint[0].upper() + hint[1:], 400)}" for hint in reach.hints[:MAX_HINTS])
    return (
        f"🔕 Silenced {described(silence)}. It matches {literal(reach.in_words(), 600)}.{hints}\n"
        f"Alerts that are shown already stay; `/incident unsilence {silence.id}` ends it."
    )
