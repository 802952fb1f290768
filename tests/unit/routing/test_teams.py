"""Which teams answer for a service."""

from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.access.team import Team, Teams

_PATTERN = st.text("abc-*?", min_size=1, max_size=5)


@given(st.dictionaries(st.sampled_from(["x", "y", "z"]), st.lists(_PATTERN, max_size=4)), st.text("abc-", max_size=6))
def test_every_pattern_that_fits_counts_in_the_order_of_the_teams(patterns: dict[str, list[str]], service: str) -> None:
    teams = Teams({name: Team(services=services) for name, services in patterns.items()})
    fitting = [name for name, services in patterns.items() if any(fnmatchcase(service, one) for one in services)]
    assert teams.of_service(service) == fitting


def test_an_owner_counts_where_no_team_names_the_service() -> None:
    teams = Teams({"shop": Team(services=["cart"])}, {"cart": "other", "mail": "comms"})
    assert teams.of_services(["cart", "mail", "dns"]) == ["shop", "comms"]


def test_the_members_of_a_team_that_nobody_described_are_nobody() -> None:
    teams = Teams({"shop": Team(members=["U012AB3CD", "S0SHOPGRP"])})
    assert teams.members_of(["shop", "comms", "shop"]) == ["U012AB3CD", "S0SHOPGRP"]
