"""Pieces of watches under other labels: found under their new names, with all that they held."""

from datetime import UTC, datetime

import msgspec

from bot.domain.event import LlmEvent
from bot.domain.llm.observed import Measure, Tally
from bot.domain.rules import CorrelationRules, Rules
from bot.watches.llm import memory as llm
from bot.watches.models import memory as models
from bot.watches.models.seasons.memory import Place
from bot.watches.snapshots import Changes

NEW = Rules(correlation=CorrelationRules(partition_by=["region"]))
OLD = Rules()


def renamed(domain: str) -> str:
    return f"of {domain}"


def test_what_monitors_know_is_of_the_new_domain() -> None:
    before = models.Memory(Changes())
    before.cursor_changed(models.ModelCursor("fraud", {}, datetime(2026, 3, 1, tzinfo=UTC), seq=7, domain="eu"), 1)
    states = [models.MonitorState("fraud", "drift", domain="eu", checks=3, model_version=v) for v in (None, "2")]
    for one in states:
        before.monitor_changed(one, 1)
    before.seasons.learn(Place("fraud", "eu", "drift", None), "ref", {"mon": b"blob"}, 1)
    names = before._changes.take_all()
    assert len(names) == 4
    after = models.Memory(Changes())
    for name in names:
        state = before.serialise(name)
        assert state is not None
        assert models.subject_of(name, state) == "fraud"
        assert models.domain_of_piece(OLD, name, state) == "eu"
        key, value = models.rekeyed(NEW, renamed, name, state)
        assert after.restore(key, value)
        assert models.domain_of_piece(NEW, key, value) == "of eu"
    assert after.cursors["fraud", "of eu"].seq == 7
    assert [after.monitor("fraud", "drift", "of eu", v).checks for v in (None, "2")] == [3, 3]
    assert set(after.seasons.of(Place("fraud", "of eu", "drift", None))) == {"mon"}


def test_an_application_is_found_under_its_new_domain() -> None:
    labels = {"cluster": "eu", "region": "north"}
    event = LlmEvent("otlp", labels, 1_000_000, [Tally(Measure.LATENCY, "gpt", "answer", "1", "", [(0.5, 20)])])
    before, after = llm.Memory(OLD, Changes()), llm.Memory(NEW, Changes())
    [name] = before.observe(event, "assistant", 1)
    state = before.serialise(name)
    assert state is not None
    key, value = llm.rekeyed(NEW, renamed, name, state)
    assert after.restore(key, value)
    assert after.observe(msgspec.structs.replace(event, at=2_000_000), "assistant", 2) == {key}
    assert len(after.courses) == 1
