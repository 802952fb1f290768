"""An incident's message: valid Block Kit whatever is in it, and a plain text that says the same."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.alert import Alert
from bot.domain.incident import Incident, IncidentStatus, Tally
from bot.domain.run import (
    Decision,
    GatePreview,
    Phase,
    Plan,
    PlannedStep,
    Run,
    RunStatus,
    StepRecord,
    StepStatus,
    plan_hash,
)
from bot.domain.severity import Severity
from bot.localslack.blocks import problems_of
from bot.notify.incident_card import card_of
from bot.notify.slack import render as slack
from bot.notify.slack.rendered import Rendered
from bot.notify.view import MAX_LESSENED, IncidentView
from tests.unit.strategies import NOON, alerts, hostile, views

MENU = ["incident.lead", "incident.silence", "incident.merge", "incident.channel"]
WORST = "&<*`🔥" * 1000
GATE = PlannedStep("gate", {}, "go on only if …", repeatable=True)


def render(view: IncidentView) -> Rendered:
    return slack.render(card_of(view))


def plain(view: IncidentView) -> Rendered:
    return slack.plain(card_of(view))


def texts_of(value: Any) -> Iterator[str]:
    """Every text in blocks that people read."""
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
        for item in value.values():
            yield from texts_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)


def shown(rendered: Rendered) -> str:
    return "\n".join(texts_of(rendered.blocks))


def assert_sound(rendered: Rendered) -> None:
    assert problems_of(rendered.blocks) == []
    assert len(rendered.blocks) <= 50
    assert all(len(text.encode("utf-16-le")) // 2 <= 3000 for text in texts_of(rendered.blocks))
    assert rendered.text.strip()
    assert len(rendered.text) <= 3000
    assert not set(rendered.text) & set("<>")
    for markup in re.findall(r"<[^>]*>?", shown(rendered)):
        assert re.fullmatch(
            r"<@[UW][A-Z0-9]{2,30}>|<!date\^\d+\^[^|<>]*\|[^|<>]* UTC>|<https?://[^|<>\s]+\|\w+>", markup
        )


@settings(max_examples=60)
@given(views)
def test_whatever_an_incident_holds_slack_takes_its_message_and_nobody_is_called_by_a_label(view: IncidentView) -> None:
    rendered = render(view)
    assert_sound(rendered)
    assert plain(view) == Rendered(rendered.text, [])


def incident(**more: Any) -> Incident:
    fields: dict[str, Any] = {
        "id": "abc",
        "number": 12,
        "domain": "eu",
        "partition": 0,
        "status": IncidentStatus.TRIGGERED,
        "severity": Severity.CRITICAL,
        "title": "Down on checkout",
        "services": ["checkout"],
        "opened_at": NOON,
        "active_at": NOON,
        "changed_at": NOON,
    }
    return Incident(**fields | more)


def run(plan: Plan, **more: Any) -> Run:
    fields: dict[str, Any] = {
        "id": "run1",
        "incident_id": "abc",
        "partition": 0,
        "runbook": plan.runbook,
        "plan": plan,
        "plan_hash": plan_hash(plan),
        "approvers": ["U012AB3CD"],
        "required": 1,
        "created_at": NOON,
        "expires_at": NOON,
    }
    return Run(**fields | more)


def plan_of(*steps: str, rollback: tuple[str, ...] = (), name: str = "scale") -> Plan:
    def planned(texts: tuple[str, ...]) -> list[PlannedStep]:
        return [PlannedStep("command", {}, text) for text in texts]

    return Plan(name, "d", "Scale out the pool", planned(steps), planned(rollback), 300.0, True)


def view(
    known: Incident, *runs: Run, tallies: tuple[Tally, ...] = (), steps: tuple[StepRecord, ...] = ()
) -> IncidentView:
    return IncidentView(
        incident=known, tallies=list(tallies), runs=list(runs), steps=list(steps), example=None, now=NOON
    )


def tally(name: str, alerts: int = 1, active: bool = True, service: str = "checkout") -> Tally:
    return Tally("abc", service, name, Severity.CRITICAL, active, False, alerts, NOON)


@pytest.mark.parametrize("status", RunStatus)
def test_the_largest_message_that_there_can_be_is_taken(status: RunStatus) -> None:
    """Every text as long as it gets, in every place at once."""
    plan = plan_of(*(["x" * 130] * 20), rollback=tuple(["y" * 130] * 20))
    plan = msgspec.structs.replace(plan, title=WORST, steps=[GATE, *plan.steps, GATE])
    look = GatePreview(NOON, False, "\n".join([WORST] * 50))
    decisions = [Decision(WORST, verdict, NOON) for verdict in ("approve", "reject") for _ in range(300)]
    runs = [
        run(msgspec.structs.replace(plan, runbook=name), id=name, status=status, approvers=[WORST] * 300, required=9)
        for name in "abcdef"
    ]
    runs = [msgspec.structs.replace(one, decisions=decisions, outcome=WORST, gate=look) for one in runs]
    steps = tuple(
        StepRecord(
            run_id=one.id,
            phase=Phase.ROLLBACK,
            position=n,
            status=StepStatus.IN_DOUBT,
            started_at=NOON,
            ended_at=NOON,
            output=WORST,
        )
        for one in runs
        for n in range(20)
    )
    known = incident(title=WORST, summary=WORST, services=[WORST] * 60, domain=WORST, groups={"g": 10**9})
    kinds = tuple(tally(WORST, 10**9, service=WORST) for _ in range(300))
    assert_sound(render(view(known, *runs, tallies=kinds, steps=steps)))


@given(hostile)
def test_an_offer_shows_every_step_in_full_and_what_undoes_it(text: str) -> None:
    plan = plan_of(text[:400], "scale 3", rollback=("scale 1",))
    said = shown(render(view(incident(), run(plan))))
    visible = "".join(c for c in text[:400] if c.isprintable() and not c.isspace())
    unmarked = said.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert visible in "".join(c for c in unmarked if c.isprintable() and not c.isspace())
    assert "scale 3" in said
    assert "scale 1" in said


def test_an_offer_says_who_may_approve_how_many_must_and_who_did() -> None:
    offered = run(plan_of("scale 3"), approvers=["U1AAAAAA", "U2BBBBBB"], required=2)
    said = shown(render(view(incident(), offered)))
    assert said.count("<@U1AAAAAA>") == said.count("<@U2BBBBBB>") == 1
    assert "2 approvals" in said
    once = msgspec.structs.replace(offered, decisions=[Decision("U2BBBBBB", "approve", NOON)])
    assert shown(render(view(incident(), once))).count("<@U2BBBBBB>") == 2


@pytest.mark.parametrize("passes, verdict", [(True, "would let this pass now"), (False, "would refuse this now")])
def test_what_the_gate_said_stands_between_the_plan_and_its_buttons(passes: bool, verdict: str) -> None:
    plan = msgspec.structs.replace(plan_of("promote"), steps=[GATE, PlannedStep("mlflow", {}, "promote")])
    look = GatePreview(NOON, passes, "reference: better by 0.03 (95 % interval 0.01 to 0.05, 5,000 rows)\n<!here> *x*")
    blocks = render(view(incident(), run(plan, gate=look))).blocks
    place = next(n for n, block in enumerate(blocks) if block.get("block_id") == "run.run1")
    assert blocks[place - 1]["text"]["text"] == (
        f"⚖️ *Gate:* {verdict} · asked <!date^{int(NOON.timestamp())}^{{date_short_pretty}} {{time_secs}}"
        "|2026-03-01 12:00:00 UTC>\n"
        "• reference: better by 0.03 (95 % interval 0.01 to 0.05, 5,000 rows)\n"
        "• &lt;!here&gt; \u200b*x\u200b*\n"
        "It is asked again after the approval, and that answer decides."
    )


def test_a_gate_that_has_not_been_asked_says_why_and_a_plan_without_one_says_nothing_of_it() -> None:
    plan = plan_of("promote")
    first = msgspec.structs.replace(plan, steps=[GATE, *plan.steps])
    behind = msgspec.structs.replace(plan, steps=[*plan.steps, GATE])
    both = msgspec.structs.replace(plan, steps=[GATE, *plan.steps, GATE])
    asking, later = "is being asked", "asked only when the run has come to it"
    said = [shown(render(view(incident(), run(one)))) for one in (plan, first, behind, both)]
    assert [(asking in one, later in one) for one in said] == [
        (False, False),
        (True, False),
        (False, True),
        (True, True),
    ]
    decided = run(first, gate=GatePreview(NOON, True, "better"), status=RunStatus.APPROVED)
    assert "*Gate:*" not in shown(render(view(incident(), decided)))


def actions_in(rendered: Rendered) -> list[str]:
    """Those of buttons, and behind them what the menu offers."""
    elements = [e for block in rendered.blocks if block["type"] == "actions" for e in block["elements"]]
    buttons = [element["action_id"] for element in elements if element["type"] == "button"]
    return buttons + [o["value"].split()[0] for element in elements for o in element.get("options", [])]


@pytest.mark.parametrize(
    "status, actions",
    [
        (
            "triggered",
            ["run.approve", "run.reject", "incident.ack", "incident.resolve", *MENU],
        ),
        ("acknowledged", ["run.approve", "run.reject", "incident.resolve", *MENU]),
        ("resolved", ["incident.report"]),
    ],
)
def test_the_buttons_are_those_that_do_something_in_this_state(status: str, actions: list[str]) -> None:
    known = incident(status=IncidentStatus(status))
    assert actions_in(render(view(known, run(plan_of("x"))))) == actions


@pytest.mark.parametrize("status", [status for status in RunStatus if status is not RunStatus.PROPOSED])
def test_a_run_that_was_decided_cannot_be_decided_again(status: RunStatus) -> None:
    decided = run(plan_of("x"), status=status)
    assert actions_in(render(view(incident(), decided))) == [
        "incident.ack",
        "incident.resolve",
        *MENU,
    ]


def test_a_button_carries_the_run_and_the_plan_that_was_shown() -> None:
    offered = run(plan_of("x"))
    [buttons] = [b for b in render(view(incident(), offered)).blocks if b.get("block_id") == "run.run1"]
    assert {element["value"] for element in buttons["elements"]} == {f"run1:{offered.plan_hash}"}


def test_of_each_runbook_the_latest_run_is_shown_and_what_needs_somebody_comes_first() -> None:
    ended = run(plan_of("old", name="a"), id="1", status=RunStatus.FAILED, outcome="it broke")
    again = run(plan_of("new", name="a"), id="2")
    other = run(plan_of("other", name="b"), id="3", status=RunStatus.REJECTED)
    said = shown(render(view(incident(), ended, other, again)))
    assert "it broke" not in said
    assert said.index("new") < said.index("rejected")


@pytest.mark.parametrize("title", ["", " ", "\u200b", "\u202e"])
def test_a_title_that_cannot_be_seen_is_replaced(title: str) -> None:
    rendered = render(view(incident(title=title)))
    assert rendered.text.startswith("🔴 #12 incident — triggered, critical.")


def test_what_is_not_shown_is_counted() -> None:
    kinds = [tally(f"Kind{n}", 2) for n in range(300)]
    known = incident(services=[f"s{n}" for n in range(60)], groups={"g": 5, "h": 2})
    said = shown(render(view(known, tallies=tuple(kinds))))
    assert "600 alerts" in said
    assert "584 more alerts of 292 other kinds" in said
    assert "55 more" in said
    assert "7 more that the sender left out" in said


def test_an_open_incident_shows_what_fires_and_a_resolved_one_what_fired() -> None:
    kinds = (tally("Fires"), tally("Fired", active=False))
    assert "Fired" not in shown(render(view(incident(), tallies=kinds)))
    resolved = incident(status=IncidentStatus.RESOLVED, resolved_at=NOON, resolved_by="U012AB3CD")
    said = shown(render(view(resolved, tallies=kinds)))
    assert "Fired" in said
    assert "resolved by <@U012AB3CD>" in said


@given(st.sampled_from(IncidentStatus), st.sampled_from(Severity), hostile)
def test_the_text_of_a_notification_says_number_state_and_severity(
    status: IncidentStatus, severity: Severity, title: str
) -> None:
    text = render(view(incident(status=status, severity=severity, title=title[:500]))).text
    assert "#12 " in text
    assert f" — {status}, {severity}." in text


@given(st.lists(alerts(hostile), min_size=1, max_size=MAX_LESSENED))
def test_buttons_of_usefulness_are_taken_whatever_the_groups_are_called(found: list[Alert]) -> None:
    named = [msgspec.structs.replace(alert, group=alert.name * 20) for alert in found]
    rendered = render(msgspec.structs.replace(view(incident()), lessen=named))
    assert_sound(rendered)
    assert actions_in(rendered).count("alert.not_useful") == len(found)
