"""The thread under an incident's message: its timeline, and what its alerts say in detail."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.alert import Alert
from bot.domain.incident import TimelineEntry, TimelineKind
from bot.notify.slack import render_thread as slack
from bot.notify.slack.rendered import Rendered
from bot.notify.thread import MAX_DETAILED, MAX_ENTRIES, thread_update
from tests.unit.notify.test_render import WORST, assert_sound, shown
from tests.unit.strategies import NOON, alerts, strange, timeline_entries

timelines = st.one_of(
    st.lists(timeline_entries, min_size=1, max_size=8), timeline_entries.map(lambda entry: [entry] * MAX_ENTRIES)
)


def render_thread(entries: list[TimelineEntry], detailed: list[Alert]) -> Rendered:
    return slack.render_thread(thread_update(entries, detailed))


def entry(text: str, actor: str | None = None) -> TimelineEntry:
    return TimelineEntry(incident_id="i", at=NOON, kind=TimelineKind.STATUS, text=text, actor=actor)


@settings(max_examples=40)
@given(timelines, st.lists(alerts(strange), max_size=MAX_DETAILED))
def test_whatever_a_timeline_and_its_alerts_say_slack_takes_it(
    timeline: list[TimelineEntry], detailed: list[Alert]
) -> None:
    assert_sound(render_thread(timeline, detailed))


def test_the_longest_thread_that_there_can_be_is_taken() -> None:
    assert_sound(render_thread([entry(WORST, WORST)] * MAX_ENTRIES, []))


@given(st.lists(st.text("abc &<*", min_size=1, max_size=300), min_size=1, max_size=MAX_ENTRIES))
def test_every_entry_is_shown_in_order(texts: list[str]) -> None:
    numbered = [f"{n}: {text}" for n, text in enumerate(texts)]
    said = shown(render_thread([entry(text) for text in numbered], []))
    lines = [line for line in said.split("\n") if line]
    assert len(lines) == len(texts)
    assert [line.partition("> ")[2].partition(":")[0] for line in lines] == [str(n) for n in range(len(texts))]


def test_an_entry_says_who_did_it() -> None:
    assert shown(render_thread([entry("Acknowledged", "U012AB3CD")], [])).endswith("Acknowledged — <@U012AB3CD>")


@pytest.mark.parametrize("text", ["", " ", "\u200b"])
def test_an_entry_that_cannot_be_seen_still_has_a_text_to_notify_with(text: str) -> None:
    assert render_thread([entry(text)], []).text == "Update"
