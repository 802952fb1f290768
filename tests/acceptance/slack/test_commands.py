"""The slash command ``/incident``: what its words do, what its form asks, and who sees the answers."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.audit_log import audited
from tests.acceptance.harness import BYSTANDER, CHANNEL, ON_CALL, SECOND, Tandem, alert, running, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tandem(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tandem]:
    async with running(tmp_path_factory.mktemp("commands"), {}) as tandem:
        yield tandem


async def _ask(tandem: Tandem, text: str, user: str = ON_CALL) -> str:
    """The answer to a command, which only its user may see."""
    return await _answer_to(tandem, user, tandem.slack.command(user, CHANNEL, "/incident", text))


async def _answer_to(tandem: Tandem, user: str, doing: Any) -> str:
    before = {person: len(tandem.slack.ephemerals(person)) for person in (ON_CALL, BYSTANDER, SECOND)}
    await doing

    async def answered() -> bool:
        return len(tandem.slack.ephemerals(user)) > before[user]

    await until(answered, f"{user} is answered")
    others = before.keys() - {user}
    assert all(len(tandem.slack.ephemerals(other)) == before[other] for other in others)
    answer = str(tandem.slack.ephemerals(user)[-1]["text"])
    assert all(message["text"] != answer for message in tandem.slack.messages(CHANNEL))
    return answer


async def _incident(tandem: Tandem, service: str) -> dict[str, Any]:
    """Let something break at a service; returns the incident once Slack shows it."""
    assert await tandem.deliver(alert(service=service), groupKey="") == 202
    await tandem.message(f"HighLatency on {service}")
    return await _known(tandem, service)


async def _known(tandem: Tandem, service: str) -> dict[str, Any]:
    return next(incident for incident in await tandem.incidents() if service in incident["services"])


async def test_what_still_fires_is_asked_about_once_and_the_same_command_again_resolves_it(tandem: Tandem) -> None:
    number = (await _incident(tandem, "insisted"))["number"]
    assert "1 alert still fires" in await _ask(tandem, f"resolve {number}")
    assert "1 alert still fires" in await _ask(tandem, f"resolve {number}", SECOND)
    assert "is resolved" in await _ask(tandem, f"resolve {number}")


async def test_list_names_what_is_open_and_nothing_else(tandem: Tandem) -> None:
    incident = await _incident(tandem, "listed")
    line = f"#{incident['number']} listed is slow"
    assert line in await _ask(tandem, "list")
    await _ask(tandem, f"resolve {incident['number']} anyway")
    assert line not in await _ask(tandem, "list")


async def test_show_tells_what_is_known_of_an_incident(tandem: Tandem) -> None:
    number = (await _incident(tandem, "shown"))["number"]
    for written in (f"show {number}", f"SHOW #{number}", f"  show   {number}  "):
        said = await _ask(tandem, written)
        assert "HighLatency on shown" in said
        assert "triggered, critical" in said
        assert "1 alert firing" in said


async def test_ack_and_resolve_change_the_incident_and_say_by_whom(tandem: Tandem) -> None:
    number = (await _incident(tandem, "changed"))["number"]
    assert "is yours" in await _ask(tandem, f"ack {number}", BYSTANDER)
    await tandem.message("on changed", f"acknowledged by <@{BYSTANDER}>")
    assert f"already acknowledged by <@{BYSTANDER}>" in await _ask(tandem, f"ack {number}")
    assert "1 alert still fires" in await _ask(tandem, f"resolve {number}")
    assert "is resolved" in await _ask(tandem, f"resolve {number} anyway")
    await tandem.message("on changed", f"resolved by <@{ON_CALL}>")
    assert "already resolved" in await _ask(tandem, f"resolve {number}")
    assert "already resolved" in await _ask(tandem, f"ack {number}")
    done = [(who, what) for who, what, _ in audited(tandem) if what.startswith("incident.")]
    assert (BYSTANDER, "incident.acknowledged") in done
    assert (ON_CALL, "incident.resolved") in done


async def test_an_incident_is_opened_led_and_ended_by_hand(tandem: Tandem) -> None:
    said = await _ask(tandem, "open Customers cannot pay service=led severity=P1")
    found = re.search(r"Incident #(\d+) is open, critical", said)
    assert found, said
    number = found[1]
    await tandem.message("Customers cannot pay", f"Opened by <@{ON_CALL}>: stays open until somebody resolves it")
    assert "is yours" in await _ask(tandem, f"take {number}")
    assert f"is taken by <@{ON_CALL}>" in await _ask(tandem, f"take {number}", SECOND)
    assert f"assigned to <@{SECOND}>" in await _ask(tandem, f"assign {number} <@{SECOND}|second>")
    assert "is warning now" in await _ask(tandem, f"severity {number} minor")
    assert "Noted" in await _ask(tandem, f"note {number} replica 3 was restarted")
    assert "goes to its thread" in await _ask(tandem, f"update {number} carts work again")
    await tandem.message("Customers cannot pay", f"owned by <@{SECOND}>", f"warning (set by <@{ON_CALL}>")
    assert "not acknowledged any more" in await _ask(tandem, f"unack {number}")
    assert "is resolved" in await _ask(tandem, f"resolve {number}")
    assert "is open again" in await _ask(tandem, f"reopen {number}")
    assert "is resolved" in await _ask(tandem, f"resolve {number}")
    done = [what for _, what, _ in audited(tandem)]
    assert {"incident.declared", "incident.taken", "incident.taken.refused", "incident.assigned"} <= set(done)

    async def broadcast() -> bool:
        [message] = [one for one in tandem.slack.messages(CHANNEL) if "Customers cannot pay" in str(one)]
        replies = tandem.slack.replies(CHANNEL, message["ts"])
        shown = [one["text"] for one in replies if one.get("subtype") == "thread_broadcast"]
        return "Update: carts work again" in shown

    await until(broadcast, "the channel shows the update")


async def test_a_silence_holds_alerts_back_until_it_is_ended(tandem: Tandem) -> None:
    said = await _ask(tandem, "silence 2h service=hushed alertname=~“High.*|Queue.*” # the disk is being replaced")
    silence = re.search(r"unsilence (\w+)", said)
    assert silence, said
    assert 'service="hushed" alertname=~"High.*|Queue.*"' in said
    assert "the disk is being replaced" in said
    assert await tandem.deliver(alert(service="hushed"), groupKey="") == 202
    await _incident(tandem, "loud")
    assert not any("hushed" in incident["services"] for incident in await tandem.incidents())
    listed = await _ask(tandem, "silences", SECOND)
    assert f"`{silence[1]}`" in listed
    assert f"by <@{ON_CALL}>" in listed
    assert "Ended" in await _ask(tandem, f"unsilence {silence[1]}", SECOND)
    await tandem.message("HighLatency on hushed")
    assert silence[1] not in await _ask(tandem, "silences")
    assert "No silence of that id" in await _ask(tandem, f"unsilence {silence[1]}")
    about = [(who, what) for who, what, _ in audited(tandem) if what.startswith("silence.")]
    assert about[-2:] == [(ON_CALL, "silence.add"), (SECOND, "silence.end")]


@pytest.mark.parametrize(
    ("wish", "matchers"),
    [
        ("silence 30m service=“a b”", 'service="a b"'),
        ("silence 30m service=‘a b’", 'service="a b"'),
        ('silence 30m service="a b"', 'service="a b"'),
        ("silence 30m 'service=a b' x!=y z!~w.+", 'service="a b" x!="y" z!~"w.+"'),
        ("Silence 1h30m service=<!channel>", 'service="&lt;!channel&gt;"'),
        ("silence 30m service=a`b", 'service="a\'b"'),
    ],
)
async def test_matchers_may_be_quoted_as_keyboards_and_slack_quote(tandem: Tandem, wish: str, matchers: str) -> None:
    said = await _ask(tandem, wish)
    assert f"Silenced `{matchers}` until <!date^" in said


@pytest.mark.parametrize("wish", ["help", "", "HELP", "  "])
async def test_help_names_every_word(tandem: Tandem, wish: str) -> None:
    said = await _ask(tandem, wish)
    words = ("list", "show", "ack", "resolve", "silence", "silences", "unsilence", "help")
    assert all(f"/incident {word}" in said for word in words)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ("show", "Say which incident"),
        ("show it", "Say which incident"),
        ("ack", "Say which incident"),
        ("ack 1 2", "Say which incident"),
        ("resolve -1", "Say which incident"),
        ("resolve 99999", "There is no incident #99999"),
        ("show 999999999999", "There is no incident #999999999999"),
        ("silence 2h", "Say which alerts"),
        ("silence soon service=x", "'soon' is no duration"),
        ("silence service=x", "is no duration"),
        ("silence 0s service=x", "a silence lasts up to 30d"),
        ("silence 31d service=x", "a silence lasts up to 30d"),
        ("silence 9999999999999999999w service=x", "too long"),
        ("silence 2h service", "'service' is no matcher"),
        ("silence 2h service=~(", "cannot be read"),
        ("silence 2h service=~(?=a)", "cannot be read"),
        ('silence 2h service="x', "No closing quotation"),
        ("unsilence", "No silence of that id"),
        ("unsilence none", "No silence of that id"),
        ("destroy everything", "`destroy` is no command"),
        ("<!channel>", "`&lt;!channel&gt;` is no command"),
        ("`<!here>` " * 300, "is no command"),
        ("silence 2h <!channel>", "&lt;!channel&gt;"),
    ],
)
async def test_what_cannot_be_done_is_explained_and_nothing_is_changed(tandem: Tandem, wish: str, said: str) -> None:
    before = len(audited(tandem))
    answer = await _ask(tandem, wish, BYSTANDER)
    assert said in answer
    assert "<!channel>" not in answer
    assert "<!here>" not in answer
    assert len(audited(tandem)) == before


async def _open_form(tandem: Tandem, user: str, text: str = "silence") -> None:
    await tandem.slack.command(user, CHANNEL, "/incident", text)

    async def opened() -> bool:
        return tandem.slack.view(user) is not None

    await until(opened, "the form is open")


async def test_the_form_makes_a_silence_and_only_its_user_is_told(tandem: Tandem) -> None:
    await _open_form(tandem, SECOND, "Silence")
    filled = {"duration": " 1d ", "matchers": "service=formal\n\n alertname=~High.* \n", "comment": "<!here> known"}
    said = await _answer_to(tandem, SECOND, tandem.slack.submit_view(SECOND, filled))
    assert 'Silenced `service="formal" alertname=~"High.*"`' in said
    assert "&lt;!here&gt; known" in said
    assert tandem.slack.view(SECOND) is None
    assert 'service="formal"' in await _ask(tandem, "silences")


@pytest.mark.parametrize(
    ("duration", "matchers", "errors"),
    [
        ("soon", "service=x", {"duration": "is no duration"}),
        ("", "service=x", {"duration": "is no duration"}),
        (None, None, {"duration": "is no duration", "matchers": "Say which alerts"}),
        ("60d", "service=x", {"duration": "up to 30d"}),
        ("2h", " \n ", {"matchers": "Say which alerts"}),
        ("2h", "service=x\nnonsense", {"matchers": "'nonsense' is no matcher"}),
        ("2h", "service=~[", {"matchers": "cannot be read"}),
        ("2h", "service=~" + "x" * 400, {"matchers": "is longer than"}),
    ],
)
async def test_what_is_wrong_in_the_form_is_said_at_its_field_and_the_form_stays(
    tandem: Tandem, duration: str | None, matchers: str | None, errors: dict[str, str]
) -> None:
    before = len(audited(tandem))
    await _open_form(tandem, BYSTANDER)
    found = await tandem.slack.submit_view(BYSTANDER, {"duration": duration, "matchers": matchers, "comment": None})
    assert found.keys() == errors.keys()
    assert all(part in found[field] for field, part in errors.items())
    assert tandem.slack.view(BYSTANDER) is not None
    assert len(audited(tandem)) == before
