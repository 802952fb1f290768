"""An incident is shown in the channels of its route, and goes on where its route leads when that changes."""

from collections.abc import AsyncIterator, Callable, Collection

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import AlertEvent
from bot.incidents.lifecycle import acknowledge
from bot.localslack import LocalSlack
from bot.storage.queries import routing
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline
from tests.integration.routing.team import GROUP, PAY, SHOP, Office

MakeAlert = Callable[..., AlertEvent]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
CRITICAL = {"match": ["severity=critical"], "channel": "#war-room", "continue": True}


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with LocalSlack(channels=("incidents", "shop", "pay", "war-room")) as slack:
        yield slack


@pytest.fixture
def office(pipeline: Pipeline, slack: LocalSlack) -> Office:
    return Office(pipeline, slack, [CRITICAL, SHOP, PAY])


async def test_an_incident_is_shown_where_its_route_leads_and_nowhere_else(office: Office, alert: MakeAlert) -> None:
    await office.send(alert(), alert(service="dns", alertname="Nxdomain"))
    assert [len(office.slack.messages(name)) for name in ("incidents", "shop", "pay", "war-room")] == [1, 1, 0, 0]
    shop, rest = await office.pipeline.incidents()
    assert (shop.team, shop.escalation, rest.team, rest.escalation) == ("shop", "shop", None, None)
    await office.send(alert("resolved"))
    assert "resolved" in office.blocks("shop")[0]


async def test_with_continue_it_has_a_message_in_each_channel_details_in_the_first_and_a_link_from_the_other(
    office: Office, alert: MakeAlert
) -> None:
    await office.send(alert(severity="critical"))
    [first], [other] = office.slack.messages("war-room"), office.slack.messages("shop")
    assert len(office.replies("war-room")) == 1
    assert office.replies("shop") == []
    assert f"details in the thread in <#C0WARROOM> (<{office.slack.url}/#C0WARROOM/{first['ts']}|message>)" in str(
        other["blocks"]
    )
    assert "also in <#C0SHOP>" in office.blocks("war-room")[0]
    incident = await office.pipeline.only_incident()
    await acknowledge(office.pipeline.database, incident.id, "U012AB3CD", office.pipeline.clock())
    await office.publish()
    assert all("acknowledged by" in office.blocks(name)[0] for name in ("war-room", "shop"))


async def test_when_its_route_changes_it_is_shown_where_it_belongs_and_the_old_message_says_where_it_went(
    office: Office, alert: MakeAlert
) -> None:
    await office.send(alert(team="shop"), alert(alertname="Other", team="pay"))
    assert len(office.slack.messages("incidents")) == 0, "the alerts share no team, but the service has one"
    await office.send(alert("resolved", team="shop"))
    [before], [after] = office.slack.messages("shop"), office.slack.messages("pay")
    assert "It goes on in <#C0PAY>" in str(before["blocks"])
    assert f"{office.slack.url}/#C0PAY/{after['ts']}" in str(before["blocks"])
    assert "It goes on" not in str(after["blocks"])
    assert len(office.replies("pay")) >= 1, "the thread goes with it"
    assert (await office.pipeline.only_incident()).team == "pay"
    assert "Its route has changed: it is shown in #pay from now on" in await office.pipeline.timeline_of(
        await office.pipeline.only_incident()
    )
    in_old_thread = len(office.replies("shop"))
    await office.send(alert("resolved", alertname="Other", team="pay"))
    assert "resolved" in office.blocks("shop")[0]
    assert "resolved" in office.blocks("pay")[0]
    assert len(office.replies("shop")) == in_old_thread
    assert [len(office.slack.messages(name)) for name in ("incidents", "shop", "pay")] == [0, 1, 1]


async def test_an_incident_that_gets_worse_is_shown_in_the_channel_for_that_too(
    office: Office, alert: MakeAlert
) -> None:
    await office.send(alert())
    assert office.slack.messages("war-room") == []
    await office.send(alert(alertname="Down", severity="critical"))
    assert len(office.slack.messages("war-room")) == 1
    assert "It goes on" not in office.blocks("shop")[0], "it is shown in both"
    timeline = await office.pipeline.timeline_of(await office.pipeline.only_incident())
    assert "Its route has changed: it is also shown in #war-room from now on" in timeline


@on_sqlite
async def test_other_routes_after_a_start_hold_for_open_incidents_and_leave_those_that_are_over(
    office: Office, alert: MakeAlert
) -> None:
    await office.send(alert(), alert(service="payments", alertname="Slow"))
    await office.send(alert("resolved"))
    office.start([{"channel": "#war-room"}])
    await office.publish()
    assert [len(office.slack.messages(name)) for name in ("incidents", "shop", "pay", "war-room")] == [0, 1, 1, 1]
    assert "It goes on in <#C0WARROOM>" in office.blocks("pay")[0]


@on_sqlite
async def test_what_no_alert_of_fires_any_more_stays_where_it_is(
    office: Office, alert: MakeAlert, clock: Clock
) -> None:
    await office.send(alert(team="pay"), alert(alertname="Other", team="pay"))
    await office.send(alert("resolved", team="pay"), alert("resolved", alertname="Other", team="pay"))
    assert [len(office.slack.messages(name)) for name in ("incidents", "shop", "pay")] == [0, 0, 1]


@on_sqlite
async def test_a_channel_by_its_name_and_by_its_id_is_one_channel(
    pipeline: Pipeline, slack: LocalSlack, alert: MakeAlert
) -> None:
    office = Office(
        pipeline, slack, [SHOP | {"channel": "#war-room", "continue": True}, SHOP | {"channel": "C0WARROOM"}]
    )
    await office.send(alert())
    assert len(slack.messages("war-room")) == 1
    await office.send(alert("resolved"))
    assert "resolved" in str(slack.messages("war-room"))
    assert len(slack.messages("war-room")) == 1


@on_sqlite
@pytest.mark.parametrize("error", ["is_archived", "not_in_channel", "channel_not_found"])
async def test_a_channel_that_refuses_holds_up_no_other(office: Office, alert: MakeAlert, error: str) -> None:
    office.slack.fail("*", "refused", count=1000, error=error, about="C0SHOP")
    await office.send(alert(), alert(service="payments", alertname="Slow"))
    assert [len(office.slack.messages(name)) for name in ("shop", "pay")] == [0, 1]
    await office.publish()
    [message] = office.slack.messages("incidents")
    assert GROUP in str(message), "where nobody would see it, it is shown in the default channel"
    office.slack.clear_faults()
    await office.publish()
    assert len(office.slack.messages("shop")) == 1
    await office.publish()
    assert "It goes on in <#C0SHOP>" in office.blocks("incidents")[0]
    await office.send(alert("resolved"))
    assert all("resolved" in office.blocks(name)[0] for name in ("shop", "incidents"))


@on_sqlite
async def test_labels_are_matched_that_all_firing_alerts_share(
    pipeline: Pipeline, slack: LocalSlack, alert: MakeAlert
) -> None:
    odd = "app.kubernetes.io/name 0$[']"
    route = {"match": [f'"{odd}"=~"x.*"', '"0"=', "source=alertmanager"], "channel": "#pay"}
    office = Office(pipeline, slack, [route])
    await office.send(alert(**{odd: "xyz"}), alert(alertname="Other", **{odd: "xyz"}))
    assert len(slack.messages("pay")) == 1
    await office.send(alert(alertname="Third"))
    assert "It goes on in <#C0INCIDENTS>" in office.blocks("pay")[0], "the third has no such label"


async def test_where_no_route_changes_no_channel_is_read_again_while_others_wait_to_write(
    office: Office, alert: MakeAlert, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Collection[str]] = []
    places_of = routing.places_of

    async def noted(connection: AsyncConnection, ids: Collection[str]) -> dict[str, list[routing.Place]]:
        if "tandem_write" in connection.sync_connection.get_execution_options():  # type: ignore[union-attr]
            read.append(ids)
        return await places_of(connection, ids)

    monkeypatch.setattr(routing, "places_of", noted)
    await office.send(alert())
    incident = await office.pipeline.only_incident()
    assert read == [[incident.id]]
    await office.send(alert(alertname="Other"))
    assert read[1:] == [[]]
    assert len(office.slack.messages("shop")) == 1
