"""The digest in Slack: valid and readable whatever the titles are."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.severity import Severity
from bot.localslack.blocks import problems_of
from bot.notify.card import DigestCard, DigestLine
from bot.notify.slack.render_digest import render_digest

SINCE = datetime(2026, 3, 1, 4, 10, tzinfo=UTC)


@given(st.lists(st.text(max_size=400), max_size=10), st.integers(0, 10**6))
def test_slack_takes_a_digest_whatever_its_titles_are(titles: list[str], more: int) -> None:
    lines = tuple(DigestLine(number, title, Severity.CRITICAL) for number, title in enumerate(titles))
    shown = render_digest(DigestCard(SINCE, len(titles) + more, more, more, lines))
    assert problems_of(shown.blocks) == []


def test_a_digest_counts_names_and_says_how_to_see_the_rest() -> None:
    line = DigestLine(7, "<!channel> & co", Severity.CRITICAL)
    shown = render_digest(DigestCard(SINCE, 27, 2, 10, (line,)))
    assert shown.text == "🌊 27 more incidents since 04:10 UTC: /incident list names them"
    text = str(shown.blocks)
    for part in (
        "#7 &lt;!channel&gt; &amp; co",
        "… and 26 more: `/incident list`",
        "10 got messages",
        "2 resolved before",
    ):
        assert part in text


def test_the_simplest_form_has_no_blocks() -> None:
    card = DigestCard(SINCE, 1, 0, 0, ())
    assert render_digest(card, plain=True).blocks == []
    assert "1 more incident since" in render_digest(card).text
