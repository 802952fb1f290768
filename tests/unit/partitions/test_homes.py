"""Where what is stored belongs: nothing that has a partition is forgotten when their number changes."""

import importlib
import pkgutil

from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import SQLModel

import bot.watches
from bot.storage import domains, homes
from bot.storage.tables import core, correlation, deeds, inbox, investigation, runs
from bot.watches import homes as pieces

TABLES = (core, correlation, deeds, inbox, investigation, runs)


def test_every_table_with_a_partition_is_moved_or_stands_where_its_entries_stand() -> None:
    moved = {table.name for table in (*homes.BY_DOMAIN, *homes.BY_INCIDENT, *homes.BY_PIECE)}
    with_partition = {name for name, table in SQLModel.metadata.tables.items() if "partition" in table.columns}
    assert moved | set(homes.WHERE_IT_STANDS) == with_partition
    assert not moved & set(homes.WHERE_IT_STANDS)


def test_every_table_that_names_a_domain_gets_its_new_name() -> None:
    known = [*domains.OF_ALERTS, *domains.SIMPLE, *domains.MERGED, *domains.OF_INCIDENTS]
    with_domain = {name for name, table in SQLModel.metadata.tables.items() if "domain" in table.columns}
    assert sorted(table.name for table in known) == sorted(with_domain)
    for table in {*domains.SIMPLE}:
        assert "domain" not in table.primary_key.columns, "rows of several domains may become one"


def test_every_watch_with_snapshots_says_of_which_domain_its_pieces_are() -> None:
    names = set()
    for found in pkgutil.walk_packages(bot.watches.__path__, "bot.watches."):
        module = importlib.import_module(found.name)
        if isinstance(name := getattr(module, "WATCH", None), str):
            names.add(name)
    assert names == set(pieces.MODULES)
    for place in pieces.MODULES.values():
        assert callable(importlib.import_module(place).domain_of_piece)
    for name in pieces.MODULES:
        found_in = importlib.import_module(pieces.MODULES[name])
        assert hasattr(found_in, "rekeyed") == hasattr(found_in, "subject_of") == (name in pieces.REKEYED)


places = st.integers(0, 3)
some = st.lists(st.builds(pieces.Piece, st.just("w"), st.sampled_from("abc"), places, st.integers(0, 9), places))


@given(some, some)
def test_of_two_pieces_that_come_to_one_place_the_newest_stays(
    found: list[pieces.Piece], more: list[pieces.Piece]
) -> None:
    unique = list({(one.name, one.partition): one for one in [*found, *more]}.values())
    stay, outdated = pieces.newest(unique)
    assert len({(one.name, one.home) for one in stay}) == len(stay)
    assert {(one.name, one.home) for one in unique} == {(one.name, one.home) for one in stay}
    for one in outdated:
        [winner] = [other for other in stay if (other.name, other.home) == (one.name, one.home)]
        assert winner.position >= one.position
