"""Who may send through Amazon SNS, with a server in the place of Amazon's.

The messages in ``sns_messages/`` and their certificate are Amazon's own: the test vectors of the message manager of its
SDK for Java, https://github.com/aws/aws-sdk-java-v2 (Apache-2.0). ``issuer.pem`` is the certificate of their issuer,
Amazon RSA 2048 M01, as http://crt.r2m01.amazontrust.com/r2m01.cer publishes it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from bot.domain.event import AlertEvent
from bot.inbox.inbox import Inbox
from bot.inbox.intake import Intake
from handlers.http.endpoint import add_webhook_routes
from handlers.sources.certificates import Trust, public_roots
from handlers.sources.registry import Malformed, NotAuthentic, Unverifiable, all_sources
from handlers.sources.sns import Amazon
from handlers.sources.sns_message import TOPICS
from handlers.sources.sns_names import is_authority
from tests.integration.handlers.sns_sender import NOW, TOPIC, Sender, authority, certificate_for, sending

VECTORS = Path(__file__).parents[1] / "sns_messages"


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    async with sending() as sender:
        yield sender


@pytest.fixture
def amazon(sender: Sender) -> Amazon:
    return amazon_at(sender)


def amazon_at(sender: Sender, environ: Mapping[str, str] | None = None, now: datetime = NOW) -> Amazon:
    def is_here(url: str) -> bool:
        return url.startswith(sender.url + "/")

    return Amazon(Trust(is_here, is_here, lambda: [authority()]), environ or {}, lambda: now)


def real_amazon_at(sender: Sender) -> Amazon:
    """On the evening of the vectors, with the authorities that browsers trust."""

    def is_here(url: str) -> bool:
        return url.startswith(sender.url + "/")

    evening = datetime(2026, 3, 6, 20, 1, tzinfo=UTC)
    return Amazon(Trust(is_here, is_authority, public_roots), {}, lambda: evening)


def amazons_chain() -> bytes:
    return (VECTORS / "certificate.pem").read_bytes() + (VECTORS / "issuer.pem").read_bytes()


def vector(sender: Sender, name: str, **fields: Any) -> bytes:
    """A message of Amazon's, whose certificate is here; where it is is not part of what is signed."""
    message = msgspec.json.decode((VECTORS / f"{name}.json").read_bytes())
    return msgspec.json.encode({**message, "SigningCertURL": f"{sender.url}/amazon.pem", **fields})


@pytest.mark.parametrize("name", ["notification-with-subject", "notification-version-2"])
async def test_amazons_own_test_vectors_are_authentic_and_nothing_else_is(name: str, sender: Sender) -> None:
    amazon = real_amazon_at(sender)
    sender.certificate = amazons_chain()
    await amazon.prove({}, vector(sender, name))
    for field in ("Message", "MessageId", "Subject", "Timestamp", "TopicArn"):
        with pytest.raises(NotAuthentic, match="does not hold"):
            another = "2026-03-06T20:00:00.000Z" if field == "Timestamp" else "another"
            await amazon.prove({}, vector(sender, name, **{field: another}))


async def test_amazons_own_confirmation_is_authentic_and_only_a_trusted_address_is_asked(sender: Sender) -> None:
    amazon = real_amazon_at(sender)
    sender.certificate = amazons_chain()
    with pytest.raises(NotAuthentic, match="SubscribeURL is no address"):
        await amazon.prove({}, vector(sender, "subscription-confirmation"))
    with pytest.raises(NotAuthentic, match="does not hold"):
        await amazon.prove({}, vector(sender, "subscription-confirmation", Token="another"))
    assert sender.asked == {"/amazon.pem": 1}


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_subscription_is_confirmed_once_its_signature_holds(
    version: str, sender: Sender, amazon: Amazon
) -> None:
    body = sender.body("SubscriptionConfirmation", version)
    with pytest.raises(NotAuthentic):
        await amazon.prove({}, sender.body("SubscriptionConfirmation", version, SubscribeURL=f"{sender.url}/other"))
    assert "/other" not in sender.asked
    await amazon.prove({}, body)
    assert sender.asked == {"/certificate.pem": 1, "/confirm": 1}


async def test_a_subscription_that_somebody_ended_stays_ended(sender: Sender, amazon: Amazon) -> None:
    await amazon.prove({}, sender.body("UnsubscribeConfirmation"))
    assert sender.asked == {"/certificate.pem": 1}, "its SubscribeURL would subscribe again"


async def test_the_certificate_is_fetched_once_for_a_crowd(sender: Sender, amazon: Amazon) -> None:
    await asyncio.gather(*(amazon.prove({}, sender.body()) for _ in range(20)))
    assert sender.asked == {"/certificate.pem": 1}


@pytest.mark.parametrize(
    "url", ["https://sns.us-west-2.amazonaws.com.evil.example/a.pem", "{}/certificate", "{}/?a.pem"]
)
async def test_a_certificate_of_elsewhere_is_not_fetched(url: str, sender: Sender, amazon: Amazon) -> None:
    with pytest.raises(NotAuthentic, match="SigningCertURL"):
        await amazon.prove({}, sender.body(SigningCertURL=url.format(sender.url)))
    assert sender.asked == {}


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        (certificate_for(until=NOW - timedelta(seconds=1)), "not valid at this time"),
        (certificate_for(name="evil.example"), "not issued to sns.amazonaws.com by a trusted"),
        (certificate_for(name="sns-us-gov-west-1.amazonaws.com"), "not issued to sns.amazonaws.com by a trusted"),
        (certificate_for(issuer="Anybody"), "not issued to sns.amazonaws.com by a trusted"),
        (certificate_for(elliptic=True), "none of Amazon SNS"),
        (b"<html>", "there is no certificate"),
    ],
    ids=["expired", "of another", "of another region", "of nobody", "another key", "none"],
)
async def test_a_certificate_must_be_valid_and_of_sns(
    certificate: bytes, why: str, sender: Sender, amazon: Amazon
) -> None:
    sender.certificate = certificate
    with pytest.raises(NotAuthentic, match=why):
        await amazon.prove({}, sender.body())


async def test_the_certificate_of_a_region_is_the_one_that_amazons_sdk_names(sender: Sender) -> None:
    sender.certificate = certificate_for(name="sns-us-gov-west-1.amazonaws.com")
    topic = "arn:aws-us-gov:sns:us-gov-east-1:123456789012:alarms"
    await amazon_at(sender).prove({}, sender.body(topic=topic))


async def test_an_issuer_that_is_not_given_is_fetched_where_the_certificate_says(sender: Sender) -> None:
    sender.certificate = certificate_for(issuer="Between", issuer_at=f"{sender.url}/issuer.cer")
    amazon = amazon_at(sender)
    await amazon.prove({}, sender.body())
    await amazon.prove({}, sender.body())
    assert sender.asked == {"/certificate.pem": 1, "/issuer.cer": 1}


async def test_an_issuer_of_elsewhere_is_not_fetched(sender: Sender, amazon: Amazon) -> None:
    sender.certificate = certificate_for(issuer="Between", issuer_at="http://169.254.169.254/issuer.cer")
    with pytest.raises(NotAuthentic, match="no authority of Amazon's"):
        await amazon.prove({}, sender.body())


@pytest.mark.parametrize("later", [timedelta(days=730), timedelta(hours=2), -timedelta(hours=2)])
async def test_a_signed_message_that_somebody_kept_is_refused(sender: Sender, later: timedelta) -> None:
    sender.certificate = certificate_for(until=NOW + timedelta(days=1000))
    body = sender.body()
    await amazon_at(sender, now=NOW + timedelta(minutes=60)).prove({}, body)
    with pytest.raises(NotAuthentic, match="none that is older than an hour"):
        await amazon_at(sender, now=NOW + later).prove({}, body)


@pytest.mark.parametrize("signature", ["", "no base64", "AAAA"])
async def test_a_signature_that_is_none_does_not_hold(signature: str, sender: Sender, amazon: Amazon) -> None:
    with pytest.raises(NotAuthentic, match="does not hold"):
        await amazon.prove({}, sender.body(Signature=signature))


@pytest.mark.parametrize("status", [500, 404, 302])
async def test_while_amazon_does_not_answer_nobody_can_tell_and_later_it_is_asked_again(
    status: int, sender: Sender, amazon: Amazon
) -> None:
    sender.status = status
    with pytest.raises(Unverifiable, match=str(status)):
        await amazon.prove({}, sender.body())
    assert "/elsewhere" not in sender.asked
    sender.status = 200
    await amazon.prove({}, sender.body())


async def test_an_answer_without_an_end_is_not_read_to_it(sender: Sender, amazon: Amazon) -> None:
    sender.certificate = b"x" * 100_000
    with pytest.raises(Unverifiable, match="more than 65536 bytes"):
        await amazon.prove({}, sender.body())


async def test_only_the_topics_that_are_named_may_send(sender: Sender) -> None:
    await amazon_at(sender, {TOPICS: f"arn:aws:sns:eu-west-1:1:other, {TOPIC}"}).prove({}, sender.body())
    with pytest.raises(NotAuthentic, match="is not among those of TANDEM_CLOUDWATCH_TOPICS"):
        await amazon_at(sender, {TOPICS: "arn:aws:sns:eu-west-1:1:other"}).prove({}, sender.body())


async def test_what_is_no_message_is_malformed(amazon: Amazon) -> None:
    with pytest.raises(Malformed, match="SignatureVersion"):
        await amazon.prove({}, (VECTORS / "notification-version-2.json").read_bytes().replace(b'"2"', b'"3"'))


async def test_at_the_door_both_the_token_and_the_signature_count(
    inbox: Inbox, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    proven = all_sources()["cloudwatch"]._replace(prove=amazon_at(sender).prove)
    monkeypatch.setitem(all_sources(), "cloudwatch", proven)
    intake = Intake(inbox)
    intake.start()
    http = web.Application()
    add_webhook_routes(http, intake, "s3cret", lambda: NOW, [], 1)
    server = TestServer(http)
    await server.start_server(auto_decompress=False)

    async def answered(body: bytes, query: str = "?token=s3cret") -> tuple[int, dict[str, Any]]:
        async with session.post(server.make_url(f"/webhooks/cloudwatch{query}"), data=body) as answer:
            return answer.status, await answer.json(content_type=None)

    async with ClientSession(headers={"Content-Type": "text/plain; charset=UTF-8"}) as session:
        assert (await answered(sender.body(), ""))[0] == 401
        assert sender.asked == {}, "who does not know the token makes nobody ask anything"
        assert (await answered(b"{}"))[0] == 400
        sender.status = 500
        assert (await answered(sender.body()))[0] == 503
        sender.status = 200
        assert (await answered(sender.body(Timestamp="2026-03-07T11:59:02.000Z")))[0] == 401
        assert await answered(sender.body("SubscriptionConfirmation")) == (202, {"accepted": 0})
        assert await answered(sender.body()) == (202, {"accepted": 1})
    await server.close()
    await intake.stop()
    [entry] = (await inbox.entries_after(0, 0, 10)).entries
    [event] = entry.events
    assert isinstance(event, AlertEvent)
    assert (event.status, event.labels["alertname"]) == ("firing", "load is high")
