"""What comes to the webhooks: understood and shown harmless, or refused with words that help."""

import json
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.harness import CHANNEL, TOKEN, Tandem, alert, delivery, running, until
from tests.acceptance.wire import AUTHENTIC, send

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALERTMANAGER = "/webhooks/alertmanager"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tandem(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tandem]:
    async with running(tmp_path_factory.mktemp("doors"), {}) as tandem:
        yield tandem


def _with(**fields: Any) -> dict[str, Any]:
    return delivery({**alert(), **fields})


def _without(field: str) -> dict[str, Any]:
    return delivery({name: value for name, value in alert().items() if name != field})


def _nested(depth: int, inside: bytes = b"") -> bytes:
    return b"[" * depth + inside + b"]" * depth


MALFORMED: dict[str, tuple[bytes | dict[str, Any], str]] = {
    "nothing": (b"", "truncated"),
    "broken JSON": (b'{"version": "4"', "truncated"),
    "text": (b"hello", "malformed"),
    "an array": (b"[]", "missing required field `version`"),
    "nothing of ours": ({}, "missing required field `version`"),
    "another version": (delivery() | {"version": "3"}, "$.version"),
    "an unknown status": (delivery() | {"status": "odd"}, "$.status"),
    "no alerts": ({"version": "4", "status": "firing"}, "missing required field `alerts`"),
    "alerts that are text": (delivery() | {"alerts": "x"}, "$.alerts"),
    "an alert without labels": (_without("labels"), "`labels` - at `$.alerts[0]`"),
    "a moment without a zone": (
        _with(startsAt="2026-01-01T00:00:00"),
        "timezone component - at `$.alerts[0].startsAt`",
    ),
    "a moment that is a day": (_with(startsAt="2026-01-01"), "$.alerts[0].startsAt"),
    "a moment beyond all years": (_with(startsAt="9999-12-31T23:59:59-05:00"), "$.alerts[0].startsAt"),
    "a negative count": (delivery(alert(), truncatedAlerts=-1), "$.truncatedAlerts"),
    "a huge count": (delivery(alert(), truncatedAlerts=10**30), "$.truncatedAlerts"),
    "arrays in arrays": (_nested(100_000), "recursion depth"),
    "a deep unknown field": (b'{"version": "4", "x": ' + _nested(100_000) + b"}", "recursion depth"),
    "invalid UTF-8": (json.dumps(_with(labels={"a": "?"})).encode().replace(b"?", b"\xff"), "'utf-8' codec"),
    "half a surrogate pair": (json.dumps(_with(labels={"a": "\ud800"})).encode(), "end of hex escape"),
    "UTF-16": (json.dumps(delivery(alert())).encode("utf-16"), "malformed"),
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_what_is_malformed_is_refused_with_the_place_that_is_wrong(tandem: Tandem, case: str) -> None:
    body, said = MALFORMED[case]
    answer = await send(tandem.url + ALERTMANAGER, body if isinstance(body, bytes) else json.dumps(body).encode())
    assert answer.status == 400
    assert said in answer.problem


LENIENT: dict[str, dict[str, Any]] = {
    "an alert without a beginning": _without("startsAt"),
    "a label that is a number": _with(labels={"alertname": 3}),
    "a label that is null": _with(labels={"alertname": "Down", "team": None}),
    "annotations that are null": _with(annotations=None),
    "a link that is null": _with(generatorURL=None),
    "a moment that is a number": _with(startsAt=1767225600),
    "more alerts than fit one entry": delivery(*[alert(n=str(n)) for n in range(10_001)]),
}


@pytest.mark.parametrize("case", LENIENT)
async def test_what_can_be_understood_is_taken_whole(tandem: Tandem, case: str) -> None:
    answer = await send(tandem.url + ALERTMANAGER, json.dumps(LENIENT[case]).encode())
    assert answer.status == 202
    assert answer.json == {"accepted": len(LENIENT[case]["alerts"])}


async def test_one_bad_alert_is_set_aside_alone_and_named(tandem: Tandem) -> None:
    body = delivery(alert(service="good-one"), 1, alert(service="good-two"))  # type: ignore[arg-type]
    answer = await send(tandem.url + ALERTMANAGER, json.dumps(body).encode())
    assert answer.status == 202
    assert answer.json["accepted"] == 2
    [refused] = answer.json["refused"]
    assert refused["index"] == 1 and "$.alerts[1]" in refused["reason"]


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer\u00e9 {TOKEN}",
        "Bearer t\u00f6ken",
    ],
)
async def test_without_the_token_nothing_is_taken(tandem: Tandem, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    body = json.dumps(delivery(alert(service="forged"))).encode()
    answer = await send(tandem.url + ALERTMANAGER, body, headers)
    assert answer.status == 401
    assert "Authorization: Bearer" in answer.problem
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert TOKEN not in answer.text


async def test_the_scheme_may_be_written_as_one_likes(tandem: Tandem) -> None:
    body = json.dumps(delivery()).encode()
    assert (await send(tandem.url + ALERTMANAGER, body, {"Authorization": f"bearer {TOKEN}"})).status == 202


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/webhooks/alertmanger", "did you mean 'alertmanager'?"),
        ("/webhooks/cloud-events", "did you mean 'cloudevents'?"),
        ("/webhooks/carrier-pigeon", "known are alertmanager, "),
        ("/webhooks/%00%0a", "known are alertmanager, "),
        ("/webhooks/", "no endpoint"),
        ("/somewhere", "no endpoint"),
    ],
)
async def test_an_unknown_source_is_answered_with_the_nearest_known(tandem: Tandem, path: str, hint: str) -> None:
    answer = await send(tandem.url + path, b"{}")
    assert answer.status == 404
    assert hint in answer.problem


async def test_a_method_that_a_door_does_not_take_is_answered_with_those_it_takes(tandem: Tandem) -> None:
    answer = await send(tandem.url + ALERTMANAGER, method="GET")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert "only POST" in answer.problem


def _noise(length: int) -> str:
    """Text that no database can compress to fit an index."""
    return "".join(Random(length).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))


AWKWARD = {
    "markup": "<!channel> <!here> <@U012AB3CD> <https://evil.example|a link> & &lt;!channel&gt;",
    "marks": "*bold* _it_ ~st~ ```c\n\r\u2028 \u202eleft\u2066\u200f\ufeff \x07\x1b[31mred\x7f\x85\x00 \u3164",
    "long": _noise(5000),
    "wide": "\U0001f9e8" * 3000,
}


def _awkward(name: str) -> dict[str, Any]:
    text = AWKWARD[name]
    labels = {"alertname": text, "service": f"{name} {text}", "severity": text, "cluster": text, text: text}
    made = {**alert(), "labels": labels, "annotations": {"summary": text, text: text}, "fingerprint": text}
    return made | {"generatorURL": f"https://example.com/{text}", "startsAt": "0001-01-01T00:00:00Z"}


async def test_text_from_outside_is_shown_harmless_kept_as_it_was_and_holds_nobody_up(
    tmp_path: Path, database_url: str
) -> None:
    async with running(tmp_path, {}, database_url=database_url) as tandem:
        for name, text in AWKWARD.items():
            assert await tandem.deliver(_awkward(name), groupKey=text) == 202

        async def all_shown() -> bool:
            threads = [tandem.slack.replies(CHANNEL, m["ts"]) for m in tandem.slack.messages(CHANNEL)]
            return len(threads) == len(AWKWARD) and all(threads)

        await until(all_shown, "every incident and its thread is shown", 60)
        for message in tandem.slack.messages(CHANNEL):
            for shown in (message, *tandem.slack.replies(CHANNEL, message["ts"])):
                _check_harmless(shown)
                assert shown["blocks"], "Slack took the blocks, not only the plain text"
        kept = {label for found in await tandem.incidents() for a in found["alerts"] for label in a["labels"].values()}
        assert {text.translate(str.maketrans("\x00\x07\x1b\x7f", "\ufffd" * 4)) for text in AWKWARD.values()} <= kept
        _, ready = await tandem.get("/readyz")
        assert (ready["inbox_lag"], ready["set_aside"]) == (0, 0)


def _check_harmless(shown: dict[str, Any]) -> None:
    text = "".join(_texts([shown["text"], shown["blocks"]]))
    bare = text.replace("<!date^", "")
    assert not any(mark in bare for mark in ("<!", "<@", "<#", "<https://evil")), text
    odd = {character for character in text if unicodedata.category(character) in ("Cc", "Cf")}
    assert odd <= {"\n", "\u200b"}, odd


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for one in inner for text in _texts(one)]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59Z"])
async def test_a_moment_that_means_none_or_never_is_taken_and_the_incident_has_a_sensible_one(
    tandem: Tandem, moment: str
) -> None:
    service = f"at {moment}"
    firing, resolved = alert(service=service), alert("resolved", service=service)
    assert await tandem.deliver(firing | {"startsAt": moment}, groupKey="") == 202
    assert await tandem.deliver(resolved | {"startsAt": moment, "endsAt": moment}, groupKey="") == 202

    async def resolved_now() -> bool:
        found = [incident for incident in await tandem.incidents() if incident["services"] == [service]]
        return [incident["resolved_at"] is not None for incident in found] == [True]

    await until(resolved_now, "the incident is resolved")
    assert (await tandem.get("/readyz"))[1]["set_aside"] == 0


async def test_a_field_that_is_not_known_does_not_disturb(tandem: Tandem) -> None:
    body = json.dumps(delivery(alert() | {"novel": [1]}) | {"future": {"x": None}}).encode()
    assert (await send(tandem.url + ALERTMANAGER, body, AUTHENTIC | {"Content-Type": "text/plain"})).status == 202
