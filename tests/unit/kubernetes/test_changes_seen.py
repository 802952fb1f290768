"""What differs between two states of an object is told as a change, once."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bot.domain.event import ChangeEvent, ChangeKind
from bot.integrations.kubernetes.differing import change_between
from bot.integrations.kubernetes.seen import Seen

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
IMAGES = (("app", "shop/checkout:1.4.1"),)
CHECKOUT = Seen("deployment", "shop", "checkout", "checkout", "u1", 4, IMAGES, 3, template="a", by="kubectl")


def _change(after: Seen | None, before: Seen | None = CHECKOUT) -> ChangeEvent | None:
    return change_between(before, after, {"cluster": "eu"}, NOW)


def _as(**fields: Any) -> Seen:
    return msgspec.structs.replace(CHECKOUT, **{"generation": 5, **fields})


@pytest.mark.parametrize(
    ("after", "kind", "title"),
    [
        (
            _as(images=(("app", "shop/checkout:1.4.2"),)),
            ChangeKind.DEPLOY,
            "checkout: image shop/checkout:1.4.1 → shop/checkout:1.4.2",
        ),
        (_as(replicas=5), ChangeKind.SCALING, "checkout: 3 → 5 replicas"),
        (_as(restarted="2026-03-01T11:59:00Z"), ChangeKind.CONFIG, "checkout: restarted"),
        (
            _as(template="b"),
            ChangeKind.CONFIG,
            "checkout: environment, arguments, resources or volumes of its pods changed",
        ),
        (
            _as(images=(("app", "shop/checkout:1.4.1"), ("proxy", "envoy:1.30"))),
            ChangeKind.DEPLOY,
            "checkout: image nothing → envoy:1.30",
        ),
        (_as(replicas=5, run="run-1/step/0"), ChangeKind.SCALING, "checkout: 3 → 5 replicas (by Tandem)"),
        (None, ChangeKind.DEPLOY, "checkout: deployment deleted (shop/checkout:1.4.1)"),
    ],
)
def test_a_change_says_what_was_before_and_what_is_now(after: Seen | None, kind: ChangeKind, title: str) -> None:
    change = _change(after)
    assert change is not None
    assert (change.service, change.change, change.title) == ("checkout", kind, title)
    assert change.labels == {"cluster": "eu", "namespace": "shop"}


def test_a_deploy_has_the_version_of_its_image_and_who_did_it() -> None:
    change = _change(_as(images=(("app", "registry:5000/shop/checkout:1.4.2"),), by="argocd-controller"))
    assert change is not None
    assert (change.version, change.actor) == ("1.4.2", "argocd-controller")


def test_several_differences_are_one_change_of_the_weightiest_kind() -> None:
    change = _change(_as(images=(("app", "shop/checkout:1.4.2"),), replicas=5))
    assert change is not None
    assert change.change is ChangeKind.DEPLOY
    assert change.title.endswith("; 3 → 5 replicas")


def test_what_pods_report_is_no_change() -> None:
    assert _change(msgspec.structs.replace(CHECKOUT, by="kube-controller-manager", at=NOW)) is None
    assert _change(msgspec.structs.replace(CHECKOUT, depends_on=("redis",))) is None


def test_the_same_state_is_the_same_change_and_another_one_is_another() -> None:
    def name(replicas: int, generation: int, uid: str = "u1") -> str:
        change = _change(_as(replicas=replicas, generation=generation, uid=uid))
        assert change is not None
        return change.id

    assert name(5, 5) == name(5, 5)
    assert len({name(5, 5), name(5, 6), name(5, 5, "u2")}) == 3


def test_nodes_and_autoscalers_change_too() -> None:
    node = Seen("node", "", "worker-1", "worker-1", "n1")
    cordoned = change_between(node, msgspec.structs.replace(node, cordoned=True), {}, NOW)
    assert cordoned is not None and cordoned.title == "worker-1: cordoned"
    freed = change_between(msgspec.structs.replace(node, cordoned=True), node, {}, NOW)
    assert freed is not None and freed.id != cordoned.id, "a node has no generation: its state is its name"
    hpa = Seen("hpa", "shop", "checkout", "checkout", "h1", bounds=(2, 6), target="checkout")
    raised = change_between(hpa, msgspec.structs.replace(hpa, bounds=(2, 12)), {}, NOW)
    assert raised is not None and raised.title == "checkout: autoscaler's bounds 2–6 → 2–12 replicas"


def test_a_moment_that_the_cluster_does_not_know_is_now() -> None:
    old = _change(_as(replicas=5, at=datetime(2020, 1, 1, tzinfo=UTC)))
    lately = _change(_as(replicas=5, at=datetime(2026, 3, 1, 11, 40, tzinfo=UTC)))
    assert old is not None and old.at == NOW
    assert lately is not None and lately.at == datetime(2026, 3, 1, 11, 40, tzinfo=UTC)
