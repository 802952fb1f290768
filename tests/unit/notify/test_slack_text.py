"""Text from outside in Slack: shown as it is, no mention, no link, no formatting, within the limit."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.notify.plain_text import is_blank
from bot.notify.slack.text import (
    clock,
    code_block,
    escaped,
    inline_code,
    length,
    link,
    literal,
    one_line,
    when,
    who,
)
from tests.unit.strategies import hostile

limits = st.integers(1, 3000)


def unescaped(text: str) -> str:
    """As Slack's clients show it."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@given(hostile)
def test_slack_counts_in_utf16_units(text: str) -> None:
    assert length(text) == units(text)


@given(hostile, limits)
def test_escaped_text_is_within_its_limit_and_has_no_markup(text: str, limit: int) -> None:
    safe = escaped(text, limit)
    assert units(safe) <= limit
    assert not set(safe) & set("<>")
    assert re.sub(r"&(amp|lt|gt);", "", safe).count("&") == 0


@given(hostile)
def test_escaped_text_is_shown_as_it_was_written_but_for_what_cannot_be_seen(text: str) -> None:
    shown = unescaped(escaped(text, 50_000))
    assert [c for c in shown if c.isprintable()] == [c for c in text if c.isprintable()]
    assert not [c for c in shown if unicodedata.category(c) == "Cc" and c not in "\n\t"]
    assert not set(shown) & set("\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c\ufeff")


@given(hostile, limits)
def test_text_that_is_cut_is_the_beginning_and_says_so(text: str, limit: int) -> None:
    whole, cut = unescaped(escaped(text, 50_000)), unescaped(escaped(text, limit))
    assert cut == whole or (cut.endswith("…") and whole.startswith(cut[:-1]))


@given(hostile, limits)
def test_one_line_has_no_white_space_but_single_spaces_between_words(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert units(line) <= limit
    assert not re.search(r"[^\S ]", line)
    assert "  " not in line
    assert not line.startswith(" ")


@given(hostile, limits)
def test_a_literal_line_formats_nothing_and_is_within_its_limit(text: str, limit: int) -> None:
    line = literal(text, limit)
    assert units(line) <= max(limit, 2)
    assert not re.search(r"(?<!\u200b)[*_~`]", line)
    assert not set(line) & set("<>\n")


@given(st.text("abc *_", max_size=100))
def test_a_literal_line_is_cut_no_sooner_than_it_must(text: str) -> None:
    line = literal(text, 150)
    marked = sum(text.count(mark) for mark in "*_")
    if len(" ".join(text.split())) + marked <= 150:
        assert line.replace("\u200b", "") == " ".join(text.split())


@given(hostile | st.integers(1, 60).map(lambda n: "`" * n), st.integers(20, 3000))
def test_nothing_ends_a_code_block_but_its_end(text: str, limit: int) -> None:
    block = code_block(text, limit)
    assert block.startswith("```\n")
    assert block.endswith("\n```")
    assert "```" not in block[3:-3]
    assert units(block) <= limit
    assert not set(block) & set("<>")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200))
def test_a_code_block_shows_all_of_a_text_that_fits(text: str) -> None:
    assert unescaped(code_block(text, 3000)[4:-4]).replace("\u200b", "") == text


@given(hostile, st.integers(1, 500))
def test_nothing_ends_inline_code_but_its_end(text: str, limit: int) -> None:
    code = inline_code(text, limit)
    assert code[0] == code[-1] == "`"
    assert len(code) > 2
    assert "`" not in code[1:-1]
    assert "\n" not in code
    assert units(code) <= limit + 2


@given(
    hostile | st.sampled_from(["U012AB3CD", "W0123", "U", "UX", "u012ab3cd", "U012AB3CD>", "U" + "0" * 500, "!channel"])
)
def test_a_mention_is_a_user_id_and_nothing_else_is_one(actor: str) -> None:
    said = who(actor)
    if re.fullmatch(r"[UW][A-Z0-9]{2,30}", actor):
        assert said == f"<@{actor}>"
    else:
        assert "<" not in said
    assert units(said) <= 34


@pytest.mark.parametrize(
    "url, made",
    [
        ("https://h/x?a=1&b=2", "<https://h/x?a=1&amp;b=2|Label>"),
        ("http://h/", "<http://h/|Label>"),
        ("javascript:alert(1)", ""),
        ("ftp://h/", ""),
        ("//h/", ""),
        ("", ""),
        ("https://h/>|<!channel>", "<https://h/%3E%7C%3C!channel%3E|Label>"),
        ("https://h/d/x?var=a|b", "<https://h/d/x?var=a%7Cb|Label>"),
        ("https://h/ x", ""),
        ("https://h/\n", ""),
        ("https://h/\u202e", ""),
        ("https://", ""),
        ("https://h/" + "x" * 2600, f"<https://h/{'x' * 2600}|Label>"),
        ("https://h/" + "x" * 2800, ""),
    ],
)
def test_a_link_leads_to_the_web_or_is_left_out(url: str, made: str) -> None:
    assert link(url, "Label") == made


@given(hostile, hostile)
def test_nothing_ends_a_link_but_its_end(url: str, label: str) -> None:
    made = link(f"https://{url}", label)
    assert not made or re.fullmatch(r"<https://[^<>|\s]+\|[^<>|]*>", made)


@given(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)), st.integers(-12, 12))
def test_a_moment_is_shown_in_the_readers_time_zone_and_in_utc_where_that_fails(naive: datetime, hours: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(hours=hours)))
    utc = moment.astimezone(UTC)
    shown = re.fullmatch(r"<!date\^(\d+)\^\{date_short_pretty\} \{time_secs\}\|(.+) UTC>", when(moment))
    assert shown
    assert datetime.fromtimestamp(int(shown[1]), UTC) == utc.replace(microsecond=0)
    assert shown[2] == f"{utc:%Y-%m-%d %H:%M:%S}"
    assert f"{utc:%H:%M:%S} UTC>" in clock(moment)


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b", "\u202e\u202c", "\x00\x07", "\ufeff", "\u0301"])
def test_what_cannot_be_seen_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", ["a", " é ", "🔥", "0", "!", "中"])
def test_what_can_be_seen_is_not_blank(text: str) -> None:
    assert not is_blank(text)
