"""Silences: what is too broad asks first with numbers, what matches nothing says why, and each is announced."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent
from bot.domain.silence import Silence
from bot.localslack import LocalSlack
from bot.notify.silence_notices import SilenceNotices
from bot.notify.slack.channel import SlackChannel
from bot.storage.queries import silences
from bot.storage.queries.deeds import silence_notices
from handlers.slack.actions.incident_silence import silence as silence_button
from handlers.slack.answers import NotDone, or_words
from handlers.slack.calls import Click, OpenForm, SlackEndpoint, Submission
from handlers.slack.forms import BadFields
from handlers.slack.forms.silence import submit
from handlers.slack.slash import answer
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
BROAD = ["foo!=bar", 'foo=""', 'alertname=~".*"', 'severity=~".+"', 'service!~"nobody"', "{foo!=a, alertname!=x}"]


def endpoint_of(pipeline: Pipeline) -> SlackEndpoint:
    return SlackEndpoint(pipeline.database, {}, pipeline.clock, on_change=lambda: None)


async def typed(pipeline: Pipeline, text: str) -> str:
    return str(await answer(endpoint_of(pipeline), "/incident", text, "U0MEMBER1"))


async def in_force(pipeline: Pipeline) -> Sequence[Silence]:
    async with pipeline.database.read() as connection:
        return await silences.not_ended(connection, pipeline.clock())


@pytest.fixture
async def fired(pipeline: Pipeline, alert: MakeAlert) -> Pipeline:
    """Six alerts, of which four are about the cart; one of these has ended."""
    cart = [alert(service="cart", alertname=f"Cart{n}", team="shop") for n in range(4)]
    await pipeline.send(*cart, alert(service="mail"), alert(service="pay"))
    await pipeline.send(alert("resolved", service="cart", alertname="Cart3", team="shop"))
    return pipeline


@pytest.mark.parametrize("matchers", BROAD)
async def test_a_silence_over_everything_is_made_only_when_the_numbers_were_seen(
    fired: Pipeline, matchers: str
) -> None:
    with pytest.raises(NotDone, match=r"6 of the 6 alerts of the last 24 hours \(5 fire now\)"):
        await typed(fired, f"silence 2h {matchers} # night")
    assert await in_force(fired) == []
    assert "Silenced" in await typed(fired, f"silence 2h anyway {matchers} # night")
    [made] = await in_force(fired)
    assert made.comment == "night"


@pytest.mark.parametrize("matchers", BROAD[:4])
async def test_also_where_nothing_has_fired_yet(pipeline: Pipeline, matchers: str) -> None:
    with pytest.raises(NotDone, match="matches alerts whatever they are"):
        await typed(pipeline, f"silence 2h {matchers}")
    assert await in_force(pipeline) == []


async def test_more_than_half_of_what_fired_lately_asks_too(fired: Pipeline) -> None:
    with pytest.raises(NotDone, match=r"4 of the 6 alerts of the last 24 hours \(3 fire now\)"):
        await typed(fired, "silence 2h service=cart")
    assert "Silenced" in await typed(fired, "silence 2h service=cart anyway")
    assert "1 of the 6 alerts" in await typed(fired, "silence 2h service=mail")


async def test_the_form_asks_with_the_same_numbers(fired: Pipeline) -> None:
    async def filled(matchers: str) -> str:
        values = {"duration": "1d", "matchers": matchers, "comment": ""}
        return str(await or_words(submit(Submission(endpoint_of(fired), "U1", fired.clock(), values))))

    with pytest.raises(BadFields) as asked:
        await filled("severity=~.+")
    assert asked.value.by_field["matchers"].startswith("6 of 6 alerts of the last 24 hours match. Add a line “anyway”")
    assert "Silenced" in await filled("severity=~.+\nanyway")


@pytest.mark.parametrize(
    ("matchers", "hint"),
    [
        ("servce=cart", "No alert has a label servce: did you mean service?"),
        ("service=crat", 'Service="crat" matches no alert: did you mean cart?'),
        ("team=shop service=mail", "none of the 6 alerts"),
        ('{service="mial",}', "did you mean mail?"),
        ("service=cart,severity", "service is cart, mail, pay"),
    ],
)
async def test_a_silence_that_matches_nothing_is_made_with_a_hint(fired: Pipeline, matchers: str, hint: str) -> None:
    said = await typed(fired, f"silence 2h {matchers}")
    assert "It matches none of the 6 alerts of the last 24 hours" in said
    assert hint.lower() in said.lower()
    assert len(await in_force(fired)) == 1


@pytest.mark.parametrize("text", ["=cart", 'service="cart', "service", "service=~["])
async def test_matchers_that_cannot_be_read_are_refused_with_an_example(pipeline: Pipeline, text: str) -> None:
    with pytest.raises(NotDone, match="As in: `/incident silence"):
        await typed(pipeline, f"silence 2h {text}")


async def test_the_button_opens_a_form_with_matchers_for_what_fires(fired: Pipeline) -> None:
    incident = next(one for one in await fired.incidents() if one.services == ["cart"])
    click = Click(endpoint_of(fired), "U1", fired.clock(), incident.id, "C1")
    opened = await silence_button(click)
    assert isinstance(opened, OpenForm)
    blocks: dict[str, Any] = {block.get("block_id", "said"): block for block in opened.view["blocks"]}
    assert [option["value"] for option in blocks["duration"]["element"]["options"]] == ["1h", "4h", "1d"]
    assert blocks["matchers"]["element"]["initial_value"].splitlines() == [
        'alertname=~"Cart0|Cart1|Cart2"',
        'service="cart"',
        'team="shop"',
    ]
    assert blocks["said"]["elements"][0]["text"].startswith("Matches 3 alerts that fire now")


async def test_every_silence_that_is_made_or_ended_is_announced_in_the_channel_once(fired: Pipeline) -> None:
    async with LocalSlack() as slack:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
        notices = SilenceNotices(fired.database, SlackChannel(client, "#incidents"), fired.clock)
        await typed(fired, "silence 2h service=mail # *known* <!channel>")
        [made] = await in_force(fired)
        while await notices.announce_next():
            pass
        await typed(fired, f"unsilence {made.id}")
        while await notices.announce_next():
            pass
        first, second = (message["blocks"][0]["text"]["text"] for message in slack.messages("incidents"))
        assert "Silenced" in first
        assert 'service="mail"' in first
        assert "by <@U0MEMBER1>" in first
        assert "1 of the 6 alerts" in first
        assert "<!channel>" not in first
        assert "Silence ended" in second
        assert 'service="mail"' in second


async def test_an_announcement_whose_answer_was_lost_is_not_made_twice(fired: Pipeline) -> None:
    async with LocalSlack() as slack:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
        notices = SilenceNotices(fired.database, SlackChannel(client, "#incidents"), fired.clock)
        await typed(fired, "silence 2h service=mail")
        async with fired.database.read() as connection:
            waiting = await silence_notices.oldest(connection)
        assert waiting is not None
        await notices._post(waiting)
        assert await notices.announce_next()
        assert not await notices.announce_next()
        assert len(slack.messages("incidents")) == 1
