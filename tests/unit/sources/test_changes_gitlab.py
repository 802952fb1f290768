"""GitLab's webhook: deployments and releases become changes; anything else is nothing to us, or malformed."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import ChangeEvent, ChangeKind
from handlers.http.authentication import standard_webhook
from handlers.sources.registry import Malformed, all_sources
from handlers.webhooks.changes.gitlab import parse
from tests.unit.payloads import mutated
from tests.unit.sources.test_alertmanager import assert_storable
from tests.unit.strategies import NOON

Json = dict[str, Any]

PROJECT: Json = {
    "id": 30,
    "name": "Our Checkout",
    "description": "",
    "web_url": "https://gitlab.example/shop/checkout",
    "avatar_url": None,
    "namespace": "Shop",
    "path_with_namespace": "shop/checkout",
    "default_branch": "main",
}
DEPLOYMENT: Json = {
    "object_kind": "deployment",
    "status": "success",
    "status_changed_at": "2021-04-28 21:50:00 +0200",
    "deployment_id": 15,
    "deployable_id": 796,
    "deployable_url": "https://gitlab.example/shop/checkout/-/jobs/796",
    "environment": "staging",
    "environment_tier": "staging",
    "environment_slug": "staging",
    "environment_external_url": "https://staging.example.com",
    "project": PROJECT,
    "ref": "main",
    "short_sha": "279484c0",
    "user": {"id": 1, "name": "Ann", "username": "ann", "email": "ann@example.com"},
    "user_url": "https://gitlab.example/ann",
    "commit_title": "Add new file",
}
RELEASE: Json = {
    "id": 1,
    "created_at": "2020-11-02 12:55:12 UTC",
    "description": "v1.1 has been released",
    "name": "v1.1",
    "released_at": "2020-11-02 12:55:12 UTC",
    "tag": "v1.1",
    "object_kind": "release",
    "project": PROJECT,
    "url": "https://gitlab.example/shop/checkout/-/releases/v1.1",
    "action": "create",
    "assets": {"count": 0, "links": []},
}


def parsed(body: Any) -> list[Any]:
    return parse(json.dumps(body).encode(), {"x-gitlab-event": "Deployment Hook"}, NOON)


def only(body: Any) -> ChangeEvent:
    [change] = parsed(body)
    assert isinstance(change, ChangeEvent)
    return change


def without(body: Json, *fields: str) -> Json:
    return {name: value for name, value in body.items() if name not in fields}


def holds(headers: dict[str, str], body: bytes, secret: bytes) -> bool:
    signature = all_sources()["gitlab"].signature
    assert signature is not None
    return signature(headers, body, secret)


def test_the_secret_token_is_shown_in_a_header() -> None:
    assert holds({"x-gitlab-token": "s3cret"}, b"{}", b"s3cret")
    assert not holds({"x-gitlab-token": "s3cre"}, b"{}", b"s3cret")
    assert not holds({"x-gitlab-token": ""}, b"{}", b"s3cret")
    assert not holds({}, b"{}", b"s3cret")


SIGNED = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
SIGNING_TOKEN = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_signing_token_signs_as_in_the_example_of_standard_webhooks() -> None:
    body = b'{"test": 2432232314}'
    assert standard_webhook(SIGNED, body, SIGNING_TOKEN)
    assert holds(SIGNED | {"webhook-signature": f"v2,x {SIGNED['webhook-signature']}"}, body, SIGNING_TOKEN)
    assert not holds(SIGNED, body + b" ", SIGNING_TOKEN)
    assert not holds(without(SIGNED, "webhook-signature"), body, SIGNING_TOKEN)
    assert not holds({"x-gitlab-token": SIGNING_TOKEN.decode()}, body, SIGNING_TOKEN)


@pytest.mark.parametrize("changed", [{"webhook-id": "other"}, {"webhook-timestamp": "1614265331"}])
def test_a_signature_is_of_its_delivery_alone(changed: dict[str, str]) -> None:
    assert not holds(SIGNED | changed, b'{"test": 2432232314}', SIGNING_TOKEN)


@pytest.mark.parametrize("token", [b"whsec_", b"whsec_not base64!", b"whsec_abc"])
def test_a_signing_token_that_is_none_lets_nobody_in(token: bytes) -> None:
    empty = "v1," + base64.b64encode(bytes.fromhex("00" * 32)).decode()
    assert not holds(SIGNED | {"webhook-signature": f"{empty} v1,"}, b"{}", token)


def test_a_deployment_is_a_deploy_of_the_project_as_its_address_names_it() -> None:
    assert only(DEPLOYMENT) == ChangeEvent(
        source="gitlab",
        id="deployment/shop/checkout/15",
        service="checkout",
        change=ChangeKind.DEPLOY,
        title="checkout main to staging (success)",
        at=datetime(2021, 4, 28, 19, 50, tzinfo=UTC),
        labels={"environment": "staging"},
        actor="ann",
        version="279484c0",
        link="https://gitlab.example/shop/checkout/-/jobs/796",
    )


@pytest.mark.parametrize("status", ["running", "success", "failed"])
def test_every_status_of_a_deployment_that_has_begun_tells_of_the_same_change(status: str) -> None:
    change = only(DEPLOYMENT | {"status": status})
    assert (change.id, change.title) == (only(DEPLOYMENT).id, f"checkout main to staging ({status})")


@pytest.mark.parametrize("status", ["created", "blocked", "canceled", "skipped", "anything new"])
def test_a_deployment_that_has_changed_nothing_is_no_change(status: str) -> None:
    assert parsed(DEPLOYMENT | {"status": status}) == []


def test_a_release_is_a_change_when_it_is_made() -> None:
    assert only(RELEASE) == ChangeEvent(
        source="gitlab",
        id="release/shop/checkout/1",
        service="checkout",
        change=ChangeKind.RELEASE,
        title="checkout v1.1 released",
        at=datetime(2020, 11, 2, 12, 55, 12, tzinfo=UTC),
        version="v1.1",
        link="https://gitlab.example/shop/checkout/-/releases/v1.1",
    )
    assert parsed(RELEASE | {"action": "update"}) == parsed(RELEASE | {"action": "delete"}) == []


@pytest.mark.parametrize(
    "body",
    [
        {"object_kind": "push", "ref": "refs/heads/main"},
        {"object_kind": "feature_flag", "project": PROJECT},
        {"event_name": "user_add_to_group", "group_name": "shop"},
        {"event_name": "project_create", "name": "checkout"},
    ],
)
def test_other_events_are_taken_and_mean_nothing_also_those_without_a_kind(body: Json) -> None:
    assert parsed(body) == []


def test_what_gitlab_may_leave_out_is_not_missed() -> None:
    bare = without(DEPLOYMENT, "ref", "status_changed_at", "environment_tier") | {"deployable_url": None, "user": None}
    change = only(bare)
    assert (change.title, change.actor, change.at) == ("checkout 279484c0 to staging (success)", "", NOON)
    assert change.link == PROJECT["web_url"]
    assert only(without(RELEASE, "name", "released_at", "url", "assets")).title == "checkout v1.1 released"


def test_fields_that_are_not_known_do_not_disturb() -> None:
    assert only(DEPLOYMENT | {"novel": {"x": [None]}}) == only(DEPLOYMENT)


@pytest.mark.parametrize(
    "written",
    [
        "2021-04-28 21:50:00 +0200",
        "2021-04-28 19:50:00 UTC",
        "2021-04-28T19:50:00Z",
        "2021-04-28T21:50:00.000+02:00",
    ],
)
def test_a_moment_is_read_in_every_way_that_gitlab_writes_it(written: str) -> None:
    assert only(DEPLOYMENT | {"status_changed_at": written}).at == datetime(2021, 4, 28, 19, 50, tzinfo=UTC)


@pytest.mark.parametrize("written", ["yesterday", "2021-04-31 00:00:00 UTC", "0001-01-01 00:00:00 +0200", "\ud800"])
def test_a_moment_that_is_none_is_named(written: str) -> None:
    with pytest.raises(Malformed):
        parsed(DEPLOYMENT | {"status_changed_at": written})
    with pytest.raises(Malformed):
        parsed(RELEASE | {"released_at": written})


def test_what_is_no_moment_is_told_with_its_place() -> None:
    with pytest.raises(Malformed, match=r"\$\.status_changed_at: 'yesterday' is no moment"):
        parsed(DEPLOYMENT | {"status_changed_at": "yesterday"})


@pytest.mark.parametrize("field", ["status", "deployment_id", "environment", "project"])
def test_what_must_be_there_is_named_where_it_is_not(field: str) -> None:
    with pytest.raises(Malformed, match=f"`{field}`"):
        parsed(without(DEPLOYMENT, field))


@pytest.mark.parametrize("body", [{}, {"status": "success"}, {"object_kind": ""}])
def test_a_body_that_says_not_what_it_is_is_malformed(body: Json) -> None:
    with pytest.raises(Malformed, match="object_kind"):
        parsed(body)


def test_a_body_that_ends_too_early_is_malformed() -> None:
    body = json.dumps(DEPLOYMENT).encode()
    for end in (0, 1, len(body) // 2, len(body) - 1):
        with pytest.raises(Malformed, match="truncated"):
            parse(body[:end], {}, NOON)


@given(mutated(DEPLOYMENT) | mutated(RELEASE))
def test_anything_wrong_in_a_delivery_is_malformed_or_fit_to_be_stored(body: Any) -> None:
    try:
        made = parsed(body)
    except Malformed as error:
        assert str(error).strip()
    else:
        assert_storable(made)


@given(st.datetimes(datetime(1000, 1, 2), datetime(9998, 1, 1)), st.integers(-12, 14))
def test_any_moment_that_gitlab_writes_is_read(naive: datetime, hours: int) -> None:
    written = naive.replace(microsecond=0)
    text = f"{written:%Y-%m-%d %H:%M:%S} {'-' if hours < 0 else '+'}{abs(hours):02}00"
    at = only(DEPLOYMENT | {"status_changed_at": text}).at
    assert at == written.replace(tzinfo=UTC) - timedelta(hours=hours)


@given(st.binary(max_size=20))
def test_any_bytes_are_nothing_to_us_or_malformed(body: bytes) -> None:
    try:
        made = parse(body, {}, NOON)
    except Malformed as error:
        assert str(error).strip()
    else:
        assert made == []
