"""A message for a telephone at 3 a.m.: what comes first, what stands out, and what is said when it is over."""

from dataclasses import replace
from datetime import timedelta

import msgspec

from bot.domain.cause import Cause, CauseKind
from bot.domain.incident import IncidentStatus
from bot.domain.run import Decision, RunStatus
from bot.notify.incident_card import card_of
from bot.notify.slack import render as slack
from bot.notify.slack.rendered import Rendered
from tests.unit.notify.test_render import incident, plan_of, render, run, shown, tally, view
from tests.unit.strategies import NOON


def test_the_cause_stands_above_what_fires_and_that_above_the_buttons() -> None:
    cause = Cause("postgres-main", CauseKind.RESOURCE, 0.9, ["first to fire, 30 s before the rest"])
    said = shown(render(view(incident(causes=[cause]), run(plan_of("scale 3")), tallies=(tally("Down"),))))
    order = [
        "🚨 triggered",
        "Likely cause",
        "first to fire",
        "What fires",
        "Approve: Scale out the pool",
        "Acknowledge",
    ]
    assert sorted(order, key=said.index) == order


def test_state_severity_age_owner_and_on_call_are_one_line() -> None:
    card = card_of(view(incident()))
    assert card.on_call == ()
    said = shown(slack.render(replace(card, on_call=("U1AAAAAA",))))
    [line] = [line for line in said.split("\n") if line.startswith("*🚨 triggered*")]
    assert [part.split("<")[0].strip() for part in line.split(" · ")] == [
        "*🚨 triggered*", "🔴 critical", "since", "nobody has it yet", "on call:"
    ]  # fmt: skip
    taken = incident(status=IncidentStatus.ACKNOWLEDGED, acknowledged_by="U012AB3CD")
    assert "*👀 acknowledged by <@U012AB3CD>* · 🔴 critical" in shown(render(view(taken)))


def styles_in(rendered: Rendered) -> list[str]:
    elements = [e for block in rendered.blocks if block["type"] == "actions" for e in block["elements"]]
    return [element["text"]["text"] for element in elements if element.get("style")]


def test_one_button_stands_out_and_names_the_runbook_where_one_is_offered() -> None:
    two = run(plan_of("a", name="a"), id="1"), run(plan_of("b", name="b"), id="2")
    assert styles_in(render(view(incident(), *two))) == ["Approve: Scale out the pool"]
    assert styles_in(render(view(incident()))) == ["Acknowledge"]
    taken = incident(status=IncidentStatus.ACKNOWLEDGED, acknowledged_by="U012AB3CD")
    assert styles_in(render(view(taken))) == []


def test_who_acknowledged_it_stays_and_what_fixed_it_is_said_when_it_is_over() -> None:
    times = {"resolved_at": NOON + timedelta(minutes=14), "created_at": NOON + timedelta(minutes=2)}
    over = incident(status=IncidentStatus.RESOLVED, acknowledged_by="U012AB3CD", **times)
    helped = run(plan_of("scale 3"), status=RunStatus.SUCCEEDED, decisions=[Decision("U1AAAAAA", "approve", NOON)])
    said = shown(render(view(over, helped)))
    assert "✅ resolved after 14m · 👀 acknowledged by <@U012AB3CD>" in said
    assert "*Fixed by “Scale out the pool”, which was verified*, approved by <@U1AAAAAA>" in said
    assert "people were disturbed for 12m" in said
    failed = msgspec.structs.replace(helped, status=RunStatus.FAILED)
    assert "It ended without a runbook" in shown(render(view(over, failed)))
    verifying = msgspec.structs.replace(helped, status=RunStatus.VERIFYING)
    assert "No alert fires any more: “Scale out the pool” is verifying" in shown(render(view(over, verifying)))
    by_hand = msgspec.structs.replace(over, resolved_by="U012AB3CD")
    assert "Resolved by hand" in shown(render(view(by_hand)))
    assert "🏁" not in shown(render(view(msgspec.structs.replace(over, part_of="x"))))
