"""Who may do what, as tandem.yaml writes it."""

import pytest
from pydantic import ValidationError

from bot.domain.access.permission import Permissions, Policy
from bot.domain.access.person import Person, is_group
from bot.domain.access.team import Team, Teams
from bot.domain.runbook import Approval
from bot.incidents.permissions import Action, Actor, may, refusal_of

ANA = "U012AB3CD"
GUEST = Person("U0GUEST11", member=False)
SHOP = Teams({"shop": Team(services=["checkout", "cart-*"], members=[ANA, "S0SHOPGRP"])})


def policy(strict: bool = True, **permissions: list[str] | str) -> Policy:
    return Policy(Permissions.model_validate(permissions), SHOP, strict)


@pytest.mark.parametrize("right", list(Permissions.model_fields))
def test_by_default_every_member_may_and_no_guest(right: str) -> None:
    rules = policy(strict=False)
    assert rules.allows(Person("U1"), right, [])
    assert not rules.allows(GUEST, right, [])
    assert rules.why_not(GUEST, right, []).startswith("guests and people of other workspaces")


def test_a_guest_who_is_named_or_in_a_group_that_is_named_may() -> None:
    assert policy(resolve=["everyone", GUEST.id]).allows(GUEST, "resolve", [])
    in_group = Person(GUEST.id, member=False, groups=frozenset({"S0SREGRP"}))
    assert policy(resolve=["S0SREGRP"]).allows(in_group, "resolve", [])
    assert not policy(resolve=["S0SREGRP"]).allows(GUEST, "resolve", [])


@pytest.mark.parametrize(
    ("services", "allowed"), [(["checkout"], True), (["mail", "cart-eu"], True), (["mail"], False), ([], False)]
)
def test_team_is_who_answers_for_a_service_of_it(services: list[str], allowed: bool) -> None:
    rules = policy(resolve="team")
    assert rules.allows(Person(ANA), "resolve", services) is allowed
    assert rules.allows(Person("U9", groups=frozenset({"S0SHOPGRP"})), "resolve", services) is allowed
    assert not rules.allows(Person("U9"), "resolve", services)


def test_a_refusal_says_who_may_or_what_is_missing() -> None:
    unknown = Person("U9", unknown={"S0SREGRP": "Tandem cannot see who is in @S0SREGRP: add the scope usergroups:read"})
    rules = policy(merge=["S0SREGRP", ANA], split=["team"])
    assert "add the scope usergroups:read" in refusal_of(Actor(unknown, rules), Action.MERGE)
    assert refusal_of(Actor(Person("U9"), rules), Action.MERGE).endswith(f"@S0SREGRP, @{ANA} may.")
    assert "no team of tandem.yaml answers for mail" in rules.why_not(Person("U9"), "split", ["mail"]).lower()


@pytest.mark.parametrize("strict", [True, False])
def test_what_is_not_known_of_somebody_is_held_against_them_once_permissions_are_written(strict: bool) -> None:
    doubtful = Actor(Person("U9", doubt="Slack does not say whether you are a guest"), policy(strict))
    assert may(doubtful, Action.RESOLVE, None) is not strict
    assert may(doubtful, Action.CHOOSE_REFERENCE, None) is not strict


@pytest.mark.parametrize("action", [Action.CHOOSE_REFERENCE, Action.CHECK_MODEL])
def test_guests_may_only_look_at_models(action: Action) -> None:
    assert "may only look" in refusal_of(Actor(GUEST, policy()), action).lower()


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("everybody", "write everyone, team, or an id"),
        (["@ana"], "write everyone, team, or an id"),
        ([{"schedules": "shop"}], "schedule: NAME"),
        ([], "at least 1"),
    ],
)
def test_what_names_nobody_is_an_error_that_says_what_may_stand_there(written: object, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Permissions.model_validate({"resolve": written})


def test_groups_are_told_from_words() -> None:
    assert is_group("S0SHOPGRP")
    assert not any(map(is_group, ("SRE", "S", "U012AB3CD", "s0shopgrp", "SHOUTING")))


def test_a_group_may_hold_more_approvers_than_are_named() -> None:
    assert Approval(approvers=["S0SHOPGRP"], required=2).required == 2
    with pytest.raises(ValidationError, match="only 1 may approve"):
        Approval(approvers=[ANA], required=2)


def test_whoever_is_on_call_may_be_named_and_may_be_several() -> None:
    on_call = Person("U9", member=False, groups=frozenset({"schedule:shop"}))
    for written in ({"schedule": "shop"}, ["team", {"schedule": "shop"}]):
        rules = Policy(Permissions.model_validate({"resolve": written}))
        assert rules.allows(on_call, "resolve", [])
        assert not rules.allows(Person("U8"), "resolve", [])
        assert rules.groups == {"schedule:shop"}
    assert "whoever is on call in shop may" in rules.why_not(Person("U8"), "resolve", [])
    assert Approval.model_validate({"approvers": [{"schedule": "shop"}], "required": 2}).approvers == ["schedule:shop"]
