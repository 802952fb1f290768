"""Silences in words, for the commands and the form that make and list them."""

from bot.domain.silence import Silence
from bot.notify.slack.text import inline_code, literal, when


def described(silence: Silence) -> str:
    matchers = " ".join(map(str, silence.matchers))
    why = f" ({literal(silence.comment, 300)})" if silence.comment else ""
    return f"{inline_code(matchers, 600)} until {when(silence.ends_at)}{why}"


def announced(silence: Silence) -> str:
    return (
        f"🔕 Silenced {described(silence)}. "
        f"Alerts that are shown already stay; `/incident unsilence {silence.id}` ends it."
    )
