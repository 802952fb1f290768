"""What people do with alerts orders them, and settings are proposed that would have spared messages, hiding nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.matcher import parse_matcher
from bot.domain.noise import Episode, Noise, Setting, noise_of
from bot.domain.silence import Silence
from bot.domain.watched.sensitivity import WatchGroup

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
GROUP = WatchGroup("", "latency", "latency service=cart")


def episode(
    name: str = "Slow", minutes: float = 1.0, at: int = 0, incident: str = "", service: str = "cart", **rest: object
) -> Episode:
    begun = NOON + timedelta(hours=at)
    given: dict[str, object] = {
        "name": name, "service": service, "labels": {"alertname": name, "service": service}, "group": None,
        "starts_at": begun, "ends_at": begun + timedelta(minutes=minutes), "led_on": False,
        "incident_id": incident or f"{name}/{at}", "source": "alertmanager",
    }  # fmt: skip
    return Episode(**(given | rest))  # type: ignore[arg-type]


def found(*episodes: Episode, **given: object) -> list[Noise]:
    return noise_of(episodes, {}, NOON + timedelta(days=1), **given)  # type: ignore[arg-type]


def several(count: int, minutes: float = 1.0, first: int = 0, **rest: object) -> Iterator[Episode]:
    return (episode(minutes=minutes, at=first + at, **rest) for at in range(count))  # type: ignore[arg-type]


def test_a_rule_that_mostly_fires_for_minutes_is_to_wait_for_longer_and_the_effect_is_replayed() -> None:
    [one] = found(*several(12, minutes=8), *several(2, minutes=50, first=12))
    assert one.proposal is not None
    assert (one.woke, one.proposal.setting, one.proposal.more) == (14, Setting.FOR, timedelta(minutes=10))
    assert (one.proposal.saved, one.proposal.of, one.proposal.hidden) == (12, 14, 0)
    assert "saved 12 of 14 messages and hidden none that was acted on" in one.proposal.text


def test_no_setting_is_proposed_that_would_have_hidden_what_people_acted_on() -> None:
    acted = episode(minutes=4, at=20, led_on=True)
    [one] = found(*several(6, minutes=3), *several(6, minutes=8, first=6), acted)
    assert one.proposal is None, "with 5m it would have hidden one, with 2m it saves none"
    [safe] = found(*several(12, minutes=1), acted)
    assert safe.proposal is not None and safe.proposal.more == timedelta(minutes=2)


@pytest.mark.parametrize("episodes", [list(several(2)), list(several(9, minutes=90)), list(several(9, led_on=True))])
def test_nothing_is_proposed_of_few_messages_or_where_it_helps_little_or_people_act(episodes: list[Episode]) -> None:
    [one] = found(*episodes)
    assert one.proposal is None


def test_a_message_is_only_saved_where_nothing_else_fires_in_its_incident() -> None:
    later = [NOON + timedelta(hours=at, seconds=30) for at in range(4)]
    other = [episode("Down", 30, starts_at=at, incident=f"Slow/{place}") for place, at in enumerate(later)]
    slow = next(one for one in found(*several(4), *other) if one.name == "Slow")
    assert slow.woke == 4 and slow.proposal is None


def test_what_did_not_open_the_incident_called_nobody() -> None:
    opened = [episode("Down", 30, at, incident="it") for at in range(1)]
    late = [episode("Slow", 1, 1, incident="it")]
    by_name = {one.name: one for one in found(*opened, *late)}
    assert (by_name["Down"].woke, by_name["Slow"].woke) == (1, 0)


def test_what_is_resolved_at_once_silenced_or_not_useful_is_noisier_than_what_is_only_ignored() -> None:
    silence = Silence(
        id="1", matchers=[parse_matcher("alertname=Silenced")], starts_at=NOON + timedelta(seconds=30),
        ends_at=NOON + timedelta(hours=1), created_by="U1",
    )  # fmt: skip
    order = [
        one.name
        for one in found(
            episode("Ignored"),
            episode("Ack", led_on=True),
            episode("Dismissed", led_on=True, dismissed=True),
            episode("Silenced"),
            episode("Rated", group=GROUP, source="tandem"),
            silences=[silence],
            not_useful={GROUP: 3},
        )
    ]
    assert order == ["Rated", "Silenced", "Dismissed", "Ignored", "Ack"]


def test_a_silence_of_other_alerts_or_of_another_time_says_nothing() -> None:
    late = Silence(
        id="1", matchers=[parse_matcher("alertname=Slow")], starts_at=NOON + timedelta(hours=2),
        ends_at=NOON + timedelta(hours=3), created_by="U1",
    )  # fmt: skip
    [one] = found(episode(), silences=[late])
    assert one.silenced == 0


def test_a_watch_is_to_be_wrong_half_as_often_and_says_that_this_was_not_replayed() -> None:
    [one] = found(*several(6, group=GROUP, source="tandem"))
    assert one.proposal is not None
    assert (one.proposal.setting, one.proposal.watch, one.proposal.replayed) == (
        Setting.ONE_FALSE_ALARM_IN, "latency", False
    )  # fmt: skip


def test_a_monitor_of_another_tool_has_no_for_and_is_to_wait() -> None:
    [one] = found(*several(6, source="datadog"))
    assert one.proposal is not None and "`for`" not in one.proposal.text
