"""GitHub's webhook: deployments and releases become changes; anything else is nothing to us, or malformed."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import ChangeEvent, ChangeKind
from handlers.http.authentication import hmac_sha256
from handlers.sources.registry import Malformed
from handlers.webhooks.changes.github import parse
from tests.unit.payloads import mutated
from tests.unit.sources.test_alertmanager import assert_storable
from tests.unit.strategies import NOON

Json = dict[str, Any]

REPOSITORY: Json = {
    "id": 186853002,
    "name": "checkout",
    "full_name": "shop/checkout",
    "html_url": "https://github.com/shop/checkout",
    "description": None,
}
DEPLOYMENT_STATUS: Json = {
    "action": "created",
    "deployment_status": {
        "id": 209916254,
        "state": "success",
        "creator": {"login": "ann", "id": 1},
        "description": "",
        "environment": "production",
        "target_url": "https://github.com/shop/checkout/actions/runs/7",
        "created_at": "2019-05-15T15:20:55Z",
        "updated_at": "2019-05-15T15:20:55Z",
    },
    "deployment": {
        "id": 145988746,
        "sha": "f95f852bd8fca8fcc58a9a2d6c842781e32a215e",
        "ref": "main",
        "task": "deploy",
        "payload": {},
        "original_environment": "production",
        "environment": "production",
        "description": None,
        "creator": {"login": "ann", "id": 1},
        "created_at": "2019-05-15T15:20:53Z",
        "performed_via_github_app": None,
    },
    "repository": REPOSITORY,
    "sender": {"login": "ann", "id": 1},
}
RELEASE: Json = {
    "action": "published",
    "release": {
        "id": 17372790,
        "html_url": "https://github.com/shop/checkout/releases/tag/v1.4.2",
        "tag_name": "v1.4.2",
        "target_commitish": "main",
        "name": "",
        "draft": False,
        "prerelease": False,
        "author": {"login": "ann"},
        "created_at": "2019-05-15T15:19:25Z",
        "published_at": "2019-05-15T15:20:53Z",
    },
    "repository": REPOSITORY,
}


def parsed(body: Any, event: str = "deployment_status") -> list[Any]:
    return parse(json.dumps(body).encode(), {"x-github-event": event, "content-type": "application/json"}, NOON)


def only(body: Any, event: str = "deployment_status") -> ChangeEvent:
    [change] = parsed(body, event)
    assert isinstance(change, ChangeEvent)
    return change


def status(state: str = "success", **deployment: Any) -> Json:
    told = DEPLOYMENT_STATUS
    return told | {
        "deployment_status": told["deployment_status"] | {"state": state},
        "deployment": told["deployment"] | deployment,
    }


def without(body: Json, part: str, field: str) -> Json:
    return body | {part: {name: value for name, value in body[part].items() if name != field}}


def test_the_signature_is_the_one_of_githubs_own_example() -> None:
    signed = hmac_sha256("x-hub-signature-256", "sha256=")
    secret, body = b"It's a Secret to Everybody", b"Hello, World!"
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signed({"x-hub-signature-256": signature}, body, secret)
    assert not signed({"x-hub-signature-256": signature}, body + b" ", secret)
    assert not signed({"x-hub-signature-256": signature}, body, secret + b" ")
    assert not signed({"x-hub-signature-256": signature.removeprefix("sha256=")}, body, secret)
    assert not signed({"x-hub-signature": signature}, body, secret)
    assert not signed({}, body, secret)


def test_a_deployment_is_a_deploy_of_the_repository() -> None:
    assert only(DEPLOYMENT_STATUS) == ChangeEvent(
        source="github",
        id="deployment/shop/checkout/145988746",
        service="checkout",
        change=ChangeKind.DEPLOY,
        title="checkout main to production (success)",
        at=datetime(2019, 5, 15, 15, 20, 55, tzinfo=UTC),
        labels={"environment": "production"},
        actor="ann",
        version="f95f852bd8fc",
        link="https://github.com/shop/checkout/actions/runs/7",
    )


@pytest.mark.parametrize("state", ["in_progress", "success", "failure", "error"])
def test_every_status_of_a_deployment_that_has_begun_tells_of_the_same_change(state: str) -> None:
    assert only(status(state)).id == only(DEPLOYMENT_STATUS).id
    assert only(status(state)).title.endswith(f"({state})")


@pytest.mark.parametrize("state", ["queued", "pending", "waiting", "inactive", "anything new"])
def test_a_deployment_that_has_changed_nothing_yet_is_no_change(state: str) -> None:
    assert parsed(status(state)) == []


@pytest.mark.parametrize("payload", [{"service": "cart"}, '{"service": "cart"}'])
def test_the_deployments_payload_may_name_the_service(payload: object) -> None:
    assert only(status(payload=payload)).service == "cart"


@pytest.mark.parametrize(
    "payload", [None, "", "words", '{"service": "\\ud800"}', "[" * 5000, [], {"service": 7}, {"other": "cart"}]
)
def test_any_other_payload_leaves_the_repositorys_name(payload: object) -> None:
    assert only(status(payload=payload)).service == "checkout"


def test_a_task_that_rolls_back_is_a_rollback() -> None:
    assert only(status(task="deploy:rollback")).change is ChangeKind.ROLLBACK


def test_a_published_release_is_a_change_at_the_moment_of_its_publication() -> None:
    assert only(RELEASE, "release") == ChangeEvent(
        source="github",
        id="release/shop/checkout/17372790",
        service="checkout",
        change=ChangeKind.RELEASE,
        title="checkout v1.4.2 released",
        at=datetime(2019, 5, 15, 15, 20, 53, tzinfo=UTC),
        actor="ann",
        version="v1.4.2",
        link="https://github.com/shop/checkout/releases/tag/v1.4.2",
    )


@pytest.mark.parametrize("action", ["created", "edited", "deleted", "released", "unpublished"])
def test_a_release_is_told_once(action: str) -> None:
    assert parsed(RELEASE | {"action": action}, "release") == []


@pytest.mark.parametrize("event", ["ping", "push", "workflow_run"])
def test_other_events_are_taken_and_mean_nothing(event: str) -> None:
    assert parsed({"zen": "Keep it logically awesome."}, event) == []


def test_what_github_may_leave_out_is_not_missed() -> None:
    bare = status(creator=None)
    for part, field in [("deployment", "ref"), ("deployment", "task"), ("deployment", "payload")]:
        bare = without(bare, part, field)
    change = only(without(bare, "deployment_status", "target_url"))
    assert (change.title, change.actor) == ("checkout f95f852bd8fc to production (success)", "")
    assert change.link == REPOSITORY["html_url"]
    draft = RELEASE | {"release": RELEASE["release"] | {"name": None, "published_at": None, "author": None}}
    assert only(draft, "release").at == NOON


def test_fields_that_are_not_known_do_not_disturb() -> None:
    assert only(DEPLOYMENT_STATUS | {"workflow_run": {"x": [None]}, "enterprise": 1}) == only(DEPLOYMENT_STATUS)


@pytest.mark.parametrize(
    "part, field",
    [
        ("deployment_status", "state"),
        ("deployment_status", "created_at"),
        ("deployment", "id"),
        ("deployment", "sha"),
        ("deployment", "environment"),
        ("repository", "name"),
        ("repository", "full_name"),
    ],
)
def test_what_must_be_there_is_named_where_it_is_not(part: str, field: str) -> None:
    with pytest.raises(Malformed, match=f"`{field}` - at `\\$.{part}`"):
        parsed(without(DEPLOYMENT_STATUS, part, field))


def test_a_body_that_ends_too_early_is_malformed() -> None:
    body = json.dumps(DEPLOYMENT_STATUS).encode()
    for end in (0, 1, len(body) // 2, len(body) - 1):
        with pytest.raises(Malformed, match="truncated"):
            parse(body[:end], {"x-github-event": "deployment_status"}, NOON)


def test_a_webhook_that_sends_forms_is_told_what_to_choose() -> None:
    headers = {"x-github-event": "ping", "content-type": "application/x-www-form-urlencoded"}
    with pytest.raises(Malformed, match="choose the content type application/json"):
        parse(b"payload=%7B%7D", headers, NOON)


def test_a_delivery_without_its_kind_is_malformed() -> None:
    with pytest.raises(Malformed, match="X-GitHub-Event"):
        parse(b"{}", {}, NOON)


@given(mutated(DEPLOYMENT_STATUS) | mutated(RELEASE), st.sampled_from(["deployment_status", "release"]))
def test_anything_wrong_in_a_delivery_is_malformed_or_fit_to_be_stored(body: Any, event: str) -> None:
    try:
        made = parsed(body, event)
    except Malformed as error:
        assert str(error).strip()
    else:
        assert_storable(made)


@given(st.binary(max_size=20), st.sampled_from(["deployment_status", "release", "push", ""]))
def test_any_bytes_are_nothing_to_us_or_malformed(body: bytes, event: str) -> None:
    try:
        made = parse(body, {"x-github-event": event}, NOON)
    except Malformed as error:
        assert str(error).strip()
    else:
        assert made == []
