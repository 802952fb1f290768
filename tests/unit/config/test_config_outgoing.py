"""`outgoing` of tandem.yaml, the addresses that are called, and secrets of Standard Webhooks."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from bot.config.model import Config
from bot.errors import CallRefused
from bot.integrations.outgoing.guard import AddressRefused, check_address
from bot.integrations.standard_webhooks import signed_headers

URL = "https://itsm.example/hook"
# The example of the specification's own libraries.
SECRET, MESSAGE = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY, AT = b'{"test": 2432232314}', datetime.fromtimestamp(1614265330, UTC)
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def _config(*receivers: dict[str, Any]) -> Config:
    return Config.model_validate({"outgoing": list(receivers)})


def test_a_receiver_gets_everything_to_a_public_address_unless_it_says_otherwise() -> None:
    [one] = _config({"url": URL, "secret": "ITSM"}).outgoing
    assert (one.events, one.allow_private) == (["incident.*", "run.*"], False)
    assert _config({"url": URL, "events": ["incident.*", "run.*"], "secret": "ITSM"}).outgoing == [one]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ([{"url": URL, "events": ["incidents.*"]}], "no event is named 'incidents.*'; did you mean 'incident.*'"),
        ([{"url": URL, "events": ["run.change"]}], "did you mean 'run.changed'"),
        ([{"url": "ftp://itsm.example"}], "write a whole address"),
        ([{"url": "https://a:b@itsm.example"}], "carries no password"),
        ([{"url": URL}, {"url": URL}], "two receivers have the same url"),
    ],
)
def test_what_cannot_work_is_an_error_that_says_what_to_write(written: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ValidationError) as found:
        _config(*written)
    assert said in str(found.value)


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "172.16.1.1", "192.168.1.1", "127.8.8.8", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1", "ff02::1"),
        *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1"),
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::6810:84e5", "::ffff:93.184.215.14"])
def test_a_public_address_is_called(address: str) -> None:
    check_address(address)


def test_a_request_is_signed_as_in_the_example_of_standard_webhooks() -> None:
    assert signed_headers(MESSAGE, AT, BODY, SECRET) == {
        "webhook-id": MESSAGE,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_while_one_secret_replaces_another_both_sign() -> None:
    other = f"whsec_{base64.b64encode(b'another key').decode()}"
    signatures = signed_headers(MESSAGE, AT, BODY, f"{other} {SECRET}")["webhook-signature"].split()
    assert len(signatures) == 2
    assert signatures[1] == SIGNATURE


def test_without_a_secret_nothing_is_signed() -> None:
    assert "webhook-signature" not in signed_headers(MESSAGE, AT, BODY, None)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_no-base64!", "whsec_abc"])
def test_a_secret_that_is_none_is_refused_without_being_repeated(secret: str) -> None:
    with pytest.raises(CallRefused) as found:
        signed_headers(MESSAGE, AT, BODY, secret)
    assert secret.removeprefix("whsec_") not in str(found.value).split()
