"""The local Slack shows each emoji of our messages, also where no font of the system has any."""

import re
from pathlib import Path

from fontTools.ttLib import TTFont

import bot.localslack

ROOT = Path(bot.localslack.__file__).parents[2]
FONT = ROOT / "bot" / "localslack" / "static" / "emoji.woff"
EMOJI = re.compile("[\u231a-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]")
TEXT = {"✗", "✓", "☎"}
"""Signs of a terminal, which are no pictures."""


def test_the_bundled_font_has_every_emoji_that_our_messages_use() -> None:
    sources = [path for folder in ("bot", "handlers") for path in (ROOT / folder).rglob("*.py")]
    used = {sign for path in sources for sign in EMOJI.findall(path.read_text(encoding="utf-8"))} - TEXT
    known = {chr(code) for code in TTFont(FONT).getBestCmap()}
    assert len(used) > 20
    assert used <= known, f"bot/localslack/page/README.md says how to add {used - known}"
