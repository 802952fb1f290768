"""Icinga 2: the fields of Nagios, at a door of its own."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from bot.domain.event import AlertEvent
from handlers.sources.registry import Malformed
from handlers.webhooks import icinga, nagios
from tests.unit.sources.test_nagios import NOON, SERVICE


def test_icinga_posts_the_same_fields_and_its_moments_have_fractions() -> None:
    body = urlencode(SERVICE | {"since": "1772365863.5"}).encode()
    [event], [of_nagios] = icinga.parse(body, {}, NOON), nagios.parse(body, {}, NOON)
    assert isinstance(event, AlertEvent)
    assert isinstance(of_nagios, AlertEvent)
    assert (event.source, event.labels, event.fingerprint) == ("icinga", of_nagios.labels, of_nagios.fingerprint)
    assert event.starts_at == datetime(2026, 3, 1, 11, 51, 3, 500000, tzinfo=UTC)


def test_the_recovery_of_a_host_resolves() -> None:
    body = urlencode({"type": "RECOVERY", "host": "web-1", "state": "UP", "output": "PING OK", "since": ""}).encode()
    [event] = icinga.parse(body, {}, NOON)
    assert isinstance(event, AlertEvent)
    assert (event.status, event.labels["alertname"]) == ("resolved", "HostDown")


def test_a_state_that_is_none_is_named() -> None:
    with pytest.raises(Malformed, match="state"):
        icinga.parse(b"type=PROBLEM&host=web-1&state=PENDING", {}, NOON)
