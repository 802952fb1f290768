"""The local Slack takes what Slack takes, and refuses what it refuses, saying where."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.localslack.blocks import problems_of, problems_of_view
from handlers.slack.forms.silence import silence_view

Json = dict[str, Any]


def plain(text: object = "x", **more: Any) -> Json:
    return {"type": "plain_text", "text": text, **more}


def mrkdwn(text: object = "x", **more: Any) -> Json:
    return {"type": "mrkdwn", "text": text, **more}


def section(**more: Any) -> Json:
    return {"type": "section", **more}


def button(**more: Any) -> Json:
    return {"type": "button", "text": plain(), **more}


def actions(*elements: object, **more: Any) -> Json:
    return {"type": "actions", "elements": list(elements), **more}


def options(count: int, size: int = 1) -> list[Json]:
    return [{"text": plain("x" * size), "value": "x" * size} for _ in range(count)]


def menu(kind: str, count: int, size: int = 1) -> Json:
    return actions({"type": kind, "options": options(count, size)})


def field(**more: Any) -> Json:
    return {"type": "input", "label": plain(), "element": {"type": "plain_text_input"}, **more}


def modal(*blocks: object, **more: Any) -> Json:
    return {"type": "modal", "title": plain("T"), "blocks": list(blocks), **more}


TAKEN: list[Json] = [
    {"type": "header", "text": plain("x" * 150, emoji=True)},
    {"type": "header", "text": plain("🔥" * 75)},
    {"type": "divider"},
    {"type": "divider", "block_id": "x" * 255},
    section(text=mrkdwn("x" * 3000, verbatim=True)),
    section(text=plain("x")),
    section(fields=[mrkdwn("x" * 2000)] * 10),
    section(text=mrkdwn(), fields=[plain()], accessory=button()),
    {"type": "context", "elements": [mrkdwn()] * 10},
    {"type": "context", "elements": [{"type": "image", "image_url": "https://h/x.png", "alt_text": "x"}]},
    actions(*[button(action_id=f"a{n}") for n in range(25)]),
    actions(button(action_id="x" * 255, value="x" * 2000, url="https://h/" + "x" * 2900, style="primary")),
    actions(button(text=plain("x" * 75), style="danger", value="")),
    actions(button(), button()),
    menu("static_select", 100, 75),
    menu("overflow", 5),
    menu("radio_buttons", 10),
    menu("checkboxes", 10),
    actions({"type": "users_select", "placeholder": plain("x" * 150)}),
    field(hint=plain(), optional=True),
    {"type": "image", "image_url": "https://h/x.png", "alt_text": "x"},
    {"type": "rich_text", "elements": []},
]

REFUSED: list[tuple[Json | object, str]] = [
    ({"type": "header", "text": plain("x" * 151)}, "/text/text"),
    ({"type": "header", "text": plain("🔥" * 76)}, "/text/text"),
    ({"type": "header", "text": mrkdwn()}, "/text"),
    ({"type": "header", "text": "x"}, "/text"),
    ({"type": "header"}, "/text"),
    ({"type": "header", "text": plain(""), "block_id": "b"}, "/text/text"),
    (section(), "text or fields"),
    (section(text=mrkdwn("")), "/text/text"),
    (section(text=mrkdwn("x" * 3001)), "/text/text"),
    (section(text=mrkdwn(5)), "/text/text"),
    (section(text=mrkdwn(emoji=True)), "emoji"),
    (section(text=plain(verbatim=True)), "verbatim"),
    (section(text="x"), "/text"),
    (section(fields=[]), "/fields"),
    (section(fields=[mrkdwn()] * 11), "/fields"),
    (section(fields=[mrkdwn("x" * 2001)]), "/fields/0"),
    (section(fields=mrkdwn()), "/fields"),
    (section(text=mrkdwn(), accessory={"type": "link"}), "/accessory"),
    (section(text=mrkdwn(), style="x"), "style"),
    ({"type": "divider", "text": plain()}, "text"),
    ({"type": "divider", "block_id": "x" * 256}, "/block_id"),
    ({"type": "divider", "block_id": ""}, "/block_id"),
    ({"type": "divider", "block_id": []}, "/block_id"),
    ({"type": "context", "elements": []}, "/elements"),
    ({"type": "context", "elements": [mrkdwn()] * 11}, "/elements"),
    ({"type": "context", "elements": [button()]}, "/elements/0"),
    ({"type": "context", "elements": [{"type": "image", "alt_text": "x"}]}, "image_url"),
    ({"type": "context", "elements": [{"type": "image", "image_url": "https://h/x.png"}]}, "/alt_text"),
    (actions(), "/elements"),
    (actions(*[button()] * 26), "/elements"),
    (actions(button(action_id="a"), button(action_id="a")), "action_id is not unique"),
    (actions(button(action_id="x" * 256)), "/action_id"),
    (actions(button(action_id={})), "/action_id"),
    (actions(button(text=plain("x" * 76))), "/text/text"),
    (actions(button(text=mrkdwn())), "/text"),
    (actions({"type": "button"}), "/text"),
    (actions(button(value="x" * 2001)), "/value"),
    (actions(button(value=5)), "/value"),
    (actions(button(url="x" * 3001)), "/url"),
    (actions(button(style="warning")), "/style"),
    (actions(button(colour="red")), "colour"),
    (actions(mrkdwn()), "/elements/0"),
    (actions("x"), "/elements/0"),
    (actions({"type": ["button"]}), "/elements/0"),
    (menu("static_select", 0), "/options"),
    (menu("static_select", 101), "/options"),
    (menu("static_select", 1, 76), "/options/0/text"),
    (menu("overflow", 6), "/options"),
    (menu("radio_buttons", 11), "/options"),
    (menu("checkboxes", 11), "/options"),
    (actions({"type": "overflow", "options": ["x"]}), "/options/0"),
    (actions({"type": "users_select", "placeholder": plain("x" * 151)}), "/placeholder"),
    (field(label=plain("x" * 2001)), "/label"),
    (field(label=mrkdwn()), "/label"),
    (field(element=None), "/element"),
    ({"type": "image", "image_url": "https://h/x.png", "alt_text": ""}, "/alt_text"),
    ({"type": "paragraph"}, "unsupported type: paragraph"),
    ({"type": {}}, "unsupported type"),
    ({}, "unsupported type"),
    ("section", "unsupported type"),
    (None, "unsupported type"),
]


@pytest.mark.parametrize("block", TAKEN)
def test_what_slack_takes_is_taken(block: Json) -> None:
    assert problems_of([block]) == []


@pytest.mark.parametrize("block, where", REFUSED)
def test_what_slack_refuses_is_refused_with_its_place(block: object, where: str) -> None:
    problems = problems_of([{"type": "divider"}, block])
    assert any(where in problem for problem in problems)
    assert all("[json-pointer:/blocks/1" in problem for problem in problems)


def test_a_message_has_fifty_blocks_at_most_and_a_view_a_hundred() -> None:
    assert problems_of([{"type": "divider"}] * 50) == []
    assert "no more than 50 items" in problems_of([{"type": "divider"}] * 51)[0]
    assert problems_of_view(modal(*[{"type": "divider"}] * 100)) == []
    assert "no more than 100 items" in problems_of_view(modal(*[{"type": "divider"}] * 101))[0]


def test_two_blocks_cannot_have_one_id_and_an_action_may_recur_in_another_block() -> None:
    twice = [actions(button(action_id="a"), block_id=name) for name in ("b", "b")]
    assert problems_of(twice) == ["block_id is not unique: b [json-pointer:/blocks/1/block_id]"]
    assert problems_of([block | {"block_id": str(n)} for n, block in enumerate(twice)]) == []


@pytest.mark.parametrize("blocks", [None, {}, "x", 5])
def test_blocks_are_a_list(blocks: object) -> None:
    assert problems_of(blocks) == ["must be an array [json-pointer:/blocks]"]


@pytest.mark.parametrize(
    "view, where",
    [
        (modal(title=plain("x" * 25)), "/view/title"),
        (modal(title=mrkdwn()), "/view/title"),
        ({"type": "modal", "blocks": []}, "/view/title"),
        (modal(submit=plain("x" * 25)), "/view/submit"),
        (modal(close=mrkdwn()), "/view/close"),
        (modal(field()), "/view/submit"),
        (modal({"type": "header"}), "/blocks/0/text"),
        ({"type": "modal", "title": plain(), "blocks": 5}, "/blocks"),
        ({"type": "workflow", "blocks": []}, "/view"),
        ([], "/view"),
        (None, "/view"),
    ],
)
def test_a_view_that_slack_refuses_is_refused_with_its_place(view: object, where: str) -> None:
    assert any(f"[json-pointer:{where}" in problem for problem in problems_of_view(view))


@pytest.mark.parametrize(
    "view",
    [
        modal(),
        modal(field(), submit=plain("x" * 24), close=plain("Cancel")),
        {"type": "home", "blocks": [{"type": "divider"}]},
        silence_view("C0123456789"),
    ],
)
def test_a_view_that_slack_takes_is_taken(view: Json) -> None:
    assert problems_of_view(view) == []


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(
        ["section", "actions", "context", "button", "mrkdwn", "plain_text", "overflow", "modal", "\ud800"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "elements", "fields", "options", "element", "blocks", "block_id", "action_id"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(junk)
def test_whatever_is_sent_is_judged(sent: Any) -> None:
    assert all(isinstance(problem, str) for problem in problems_of(sent) + problems_of_view(sent))


@given(st.sampled_from(TAKEN), junk)
def test_whatever_stands_in_a_known_block_is_judged(block: Json, value: Any) -> None:
    for key in block:
        for changed in (block | {key: value}, block | {key: [value]}, block | {key: {"type": value, "text": value}}):
            assert all("[json-pointer:/blocks/0" in problem for problem in problems_of([changed]))
