"""TANDEM_ROLE: which processes may do only a part of the whole."""

import pytest

from bot.cluster.roles import Role
from bot.config import read_environment
from bot.errors import ConfigError

SHARED = "postgresql://tandem@db/tandem"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TANDEM_ROLE", "TANDEM_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_a_process_that_is_told_nothing_has_doors_and_works() -> None:
    role = read_environment().role
    assert role is Role.ALL
    assert role.has_endpoints
    assert role.works


@pytest.mark.parametrize(("role", "has_doors", "works"), [("doors", True, False), ("workers", False, True)])
def test_doors_and_workers_share_what_there_is_to_do(
    monkeypatch: pytest.MonkeyPatch, role: str, has_doors: bool, works: bool
) -> None:
    monkeypatch.setenv("TANDEM_ROLE", role)
    monkeypatch.setenv("TANDEM_DATABASE_URL", SHARED)
    found = read_environment().role
    assert (found.has_endpoints, found.works) == (has_doors, works)


@pytest.mark.parametrize("database", [None, "sqlite:////data/tandem.db"])
@pytest.mark.parametrize("role", ["doors", "workers"])
def test_on_sqlite_there_is_nobody_to_share_with_and_the_error_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, role: str, database: str | None
) -> None:
    monkeypatch.setenv("TANDEM_ROLE", role)
    if database:
        monkeypatch.setenv("TANDEM_DATABASE_URL", database)
    with pytest.raises(ConfigError) as refused:
        read_environment()
    said = "TANDEM_ROLE: doors and workers meet in PostgreSQL: set TANDEM_DATABASE_URL, or leave this out"
    assert str(refused.value) == said


def test_a_role_that_is_none_is_refused_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_ROLE", "worker")
    with pytest.raises(ConfigError, match="TANDEM_ROLE: Input should be 'all', 'doors' or 'workers'"):
        read_environment()
