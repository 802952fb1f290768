"""What happens to channels, groups and people in Slack while Tandem works: everything else goes on, and it is said."""

from collections.abc import AsyncIterator, Callable

import pytest
from slack_sdk.web.async_client import AsyncWebClient
from structlog.testing import capture_logs

from bot.domain.event import AlertEvent
from bot.localslack import LocalSlack
from bot.notify.slack import directory
from bot.notify.slack.channel import SlackChannel
from bot.notify.slack.identity import Identity
from tests.integration.pipeline_driver import Pipeline
from tests.integration.routing.team import BOSS, GROUP, PAY, SHOP, Office

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
OLD_SCOPES = "chat:write,channels:read,channels:history,groups:read,groups:history,commands"


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with LocalSlack(channels=("incidents", "shop", "pay"), users={BOSS: "boss", "U0ANA0001": "ana"}) as slack:
        slack.usergroups[GROUP] = [BOSS]
        yield slack


@pytest.fixture
def office(pipeline: Pipeline, slack: LocalSlack, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setattr(directory, "_KEPT", -1.0)
    return Office(pipeline, slack, [SHOP, PAY], members={"shop": [BOSS]})


def _shown(office: Office) -> list[int]:
    return [len(office.slack.messages(name)) for name in ("incidents", "shop", "pay")]


@pytest.mark.parametrize("what", ["archived", "made private", "left"])
async def test_what_a_channel_no_longer_shows_is_shown_in_the_default_one_until_it_does_again(
    office: Office, alert: MakeAlert, what: str
) -> None:
    shop = office.slack.channel("shop")
    shop.is_archived, shop.is_private, shop.is_member = what == "archived", what == "made private", what == "archived"
    await office.send(alert(), alert(service="payments", alertname="Slow"))
    await office.publish()
    assert _shown(office) == [1, 0, 1]
    assert office.mentions("incidents") != [], "nobody would see it otherwise"
    assert "#shop: " in office.channels.problems_in_words()
    shop.is_archived, shop.is_private, shop.is_member = False, False, True
    await office.publish()
    await office.publish()
    assert _shown(office) == [1, 1, 1]
    assert office.channels.problems_in_words() == ""
    await office.send(alert("resolved"))
    assert all("resolved" in office.blocks(name)[0] for name in ("incidents", "shop"))


async def test_a_message_in_a_channel_that_is_archived_meanwhile_holds_up_no_other(
    office: Office, alert: MakeAlert
) -> None:
    await office.send(alert())
    office.slack.channel("shop").is_archived = True
    await office.send(alert("resolved"), alert(service="payments", alertname="Slow"))
    assert "triggered" in office.blocks("shop")[0]
    assert _shown(office)[2] == 1
    assert "#shop: " in office.channels.problems_in_words()
    office.slack.channel("shop").is_archived = False
    await office.publish()
    assert "resolved" in office.blocks("shop")[0]


async def test_a_channel_that_is_renamed_stays_the_same_and_by_its_id_also_after_a_start(
    office: Office, alert: MakeAlert
) -> None:
    floor, by_id = SHOP | {"channel": "#shop-floor"}, SHOP | {"channel": "C0SHOPFLOOR"}
    office.slack.add_channel("shop-floor", "C0SHOPFLOOR")
    office.start([floor])
    await office.send(alert())
    office.slack.channel("shop-floor").name = "store"
    await office.send(alert("resolved"), alert(cluster="other"))
    assert office.slack.messages("incidents") == []
    assert len(office.slack.messages("store")) == 2
    office.start([by_id])
    await office.send(alert(cluster="third"))
    assert len(office.slack.messages("store")) == 3
    office.start([floor])
    await office.send(alert(cluster="fourth"))
    await office.publish()
    assert len(office.slack.messages("store")) == 3
    assert len(office.slack.messages("incidents")) >= 1, "of that name there is none any more"
    assert "the bot sees no channel named #shop-floor" in office.channels.problems_in_words()


async def test_the_name_of_a_channel_that_was_archived_may_belong_to_a_new_one(
    office: Office, alert: MakeAlert
) -> None:
    await office.send(alert())
    old = office.slack.channel("shop")
    old.name, old.is_archived = "shop-2025", True
    office.slack.add_channel("shop", "C0SHOPNEW")
    await office.send(alert(cluster="other"))
    await office.publish()
    await office.publish()
    assert len(office.slack.messages("shop")) == 2, "what is open, too"
    await office.send(alert("resolved"), alert("resolved", cluster="other"))
    assert all("resolved" in text for text in office.blocks("shop"))


@pytest.mark.parametrize("gone", ["emptied", "disabled", "deleted", "deactivated"])
async def test_who_is_mentioned_and_gone_is_said_and_the_team_is_mentioned(
    office: Office, alert: MakeAlert, gone: str
) -> None:
    if gone == "emptied":
        office.slack.usergroups[GROUP] = []
    elif gone == "disabled":
        office.slack.disabled.add(GROUP)
    elif gone == "deleted":
        del office.slack.usergroups[GROUP]
    else:
        office.slack.deactivated.add("U0ANA0001")
        office.start([SHOP | {"mention": ["U0ANA0001"]}, PAY])
    await office.send(alert())
    assert office.mentions("shop", BOSS) != []
    assert office.mentions("shop", "U0ANA0001") == []
    assert len(office.mentions("shop")) == (1 if gone in ("disabled", "deleted") else 0), "what Slack does not know"
    assert office.channels.reach is not None
    who = "U0ANA0001 is deactivated" if gone == "deactivated" else f"{GROUP} is "
    assert who in office.channels.reach.in_words()


async def test_who_comes_back_is_mentioned_again_and_who_is_left_of_several_alone(
    office: Office, alert: MakeAlert
) -> None:
    office.start([SHOP | {"mention": [GROUP, "U0ANA0001"]}, PAY])
    office.slack.usergroups[GROUP] = []
    await office.send(alert())
    assert (office.mentions("shop"), len(office.mentions("shop", "U0ANA0001"))) == ([], 1)
    office.slack.usergroups[GROUP] = [BOSS]
    office.timer.now += 100
    office.pipeline.clock.pass_(minutes=2)
    await office.send(alert(cluster="other"))
    assert len(office.mentions("shop")) == 1
    assert office.channels.reach is not None
    assert office.channels.reach.in_words() == ""


async def test_an_app_of_old_scopes_says_once_which_are_missing_and_shows_incidents_all_the_same(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    async with LocalSlack(channels=("incidents", "shop", "pay"), scopes=OLD_SCOPES) as slack:
        office = Office(pipeline, slack, [SHOP, PAY], members={"shop": [BOSS]})
        identity = Identity(AsyncWebClient(slack.bot_token, base_url=slack.api_url))
        with capture_logs() as logs:
            await identity.start()
        [said] = [one for one in logs if one["event"] == "slack.scopes_missing"]
        assert {"files:write", "users:read", "usergroups:read", "im:write"} <= set(said["scopes"])
        assert identity.bot is not None
        await office.send(alert())
        assert len(office.mentions("shop")) == 1, "what cannot be looked up counts as reached"
        await office.send(alert("resolved"))
        assert "resolved" in office.blocks("shop")[0]


async def test_after_five_minutes_without_slack_each_channel_has_one_message_and_one_mention(
    office: Office, alert: MakeAlert
) -> None:
    office.slack.fail("*", "down", count=100_000)
    await office.send(alert(), alert(service="payments", alertname="Slow"))
    for n in range(5):
        office.pipeline.clock.pass_(minutes=1)
        await office.send(alert(instance=f"i{n}"), alert(service="payments", alertname="Slow", instance=f"i{n}"))
    assert _shown(office) == [0, 0, 0]
    office.slack.clear_faults()
    await office.publish()
    assert _shown(office) == [0, 1, 1]
    assert len(office.mentions("shop")) == 1


@pytest.mark.parametrize("answer", ["taken", "lost"])
async def test_a_route_that_changes_while_the_message_is_posted_leaves_one_message_and_mention_in_each_place(
    office: Office, alert: MakeAlert, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    posting = SlackChannel._post
    changed = False

    async def post(self: SlackChannel, *args: object, **keywords: object) -> object:
        nonlocal changed
        posted = await posting(self, *args, **keywords)  # type: ignore[arg-type]
        if not changed:
            changed = True
            await office.pipeline.send(alert("resolved", team="shop"), alert(alertname="Other", team="pay"))
            await office.router.route_all()
            if answer == "lost":
                raise TimeoutError
        return posted

    monkeypatch.setattr(SlackChannel, "_post", post)
    try:
        await office.send(alert(team="shop"))
    except TimeoutError:
        office.start([SHOP, PAY])
    office.pipeline.clock.pass_(seconds=10)
    await office.publish()
    assert _shown(office) == [0, 1, 1]
    assert "It goes on in <#C0PAY>" in office.blocks("shop")[0]
    assert len(office.mentions("shop")) == 1
    await office.send(alert("resolved", alertname="Other", team="pay"))
    assert all("resolved" in office.blocks(name)[0] for name in ("shop", "pay"))
