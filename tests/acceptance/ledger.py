"""What the database itself notes of each commit: which replica made it, and who held the lease at that moment.

Triggers write it, so it holds for every transaction of a session, however the programs raced. A replica is known by
the ``application_name`` of its connections.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import namedtuple_row

from bot.domain.event import AlertEvent, decode_events
from tests.acceptance.steady_load import ANCHOR

TRIGGERS = """
CREATE TABLE ledger (
  id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), kind text NOT NULL, name text NOT NULL,
  replica text NOT NULL DEFAULT current_setting('application_name'), holder text, before text, after text);

CREATE FUNCTION holder_of(wanted text) RETURNS text LANGUAGE sql AS 'SELECT replica FROM lease WHERE name = wanted';

CREATE FUNCTION note_offset() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO ledger (kind, name, holder, before, after) VALUES
    ('offset', NEW.partition, holder_of('partition:' || NEW.partition), OLD.position, NEW.position);
  RETURN NULL; END $$;
CREATE TRIGGER ledger_offset AFTER UPDATE ON partition_offset FOR EACH ROW
  WHEN (OLD.position <> NEW.position) EXECUTE FUNCTION note_offset();

CREATE FUNCTION note_message() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO ledger (kind, name, holder) VALUES ('message', NEW.incident_id, holder_of('role:notifier'));
  RETURN NULL; END $$;
CREATE TRIGGER ledger_message AFTER INSERT OR UPDATE ON slack_message FOR EACH ROW EXECUTE FUNCTION note_message();

CREATE FUNCTION note_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO ledger (kind, name, holder, after) VALUES ('lease', NEW.name, NEW.replica, NEW.epoch);
  RETURN NULL; END $$;
CREATE TRIGGER ledger_lease AFTER INSERT OR UPDATE ON lease FOR EACH ROW EXECUTE FUNCTION note_lease();

CREATE FUNCTION note_turn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO ledger (kind, name, after) VALUES ('turn', NEW.identity, NEW.annotations::json->>'turn');
  RETURN NULL; END $$;
CREATE TRIGGER ledger_turn AFTER UPDATE ON alert FOR EACH ROW
  WHEN (NEW.labels::json->>'instance' = 'anchor' AND OLD.repeats <> NEW.repeats) EXECUTE FUNCTION note_turn();

CREATE FUNCTION note_step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO ledger (kind, name, after) VALUES
    ('step', NEW.run_id || '/' || NEW.phase || '/' || NEW.position, NEW.status);
  RETURN NULL; END $$;
CREATE TRIGGER ledger_step AFTER INSERT OR UPDATE ON run_step FOR EACH ROW EXECUTE FUNCTION note_step();
"""


class Noted(NamedTuple):
    """A line of the ledger. ``holder`` held the lease then, ``replica`` made the commit."""

    id: int
    at: datetime
    kind: str
    name: str
    replica: str
    holder: str | None
    before: str | None
    after: str | None


async def open_ledger(database: str) -> None:
    async with await psycopg.AsyncConnection.connect(database) as connection:
        await connection.execute(TRIGGERS.encode())


async def read_ledger(database: str, *kinds: str) -> list[Noted]:
    found = await rows(database, "SELECT * FROM ledger WHERE kind = ANY(%s) ORDER BY id", [list(kinds)])
    return [Noted(*row) for row in found]


async def rows(database: str, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """What a query finds, past every proxy."""
    async with await psycopg.AsyncConnection.connect(database, row_factory=namedtuple_row) as connection:
        return list(await (await connection.execute(statement.encode(), values)).fetchall())


def check_written_by_holders(ledger: Iterable[Noted]) -> None:
    """Nobody moved a partition, or told Slack, who did not hold its lease in the very transaction."""
    strangers = [noted for noted in ledger if noted.replica != noted.holder]
    assert strangers == [], f"{len(strangers)} commits by who did not hold the lease, first {strangers[0]}"


def check_offsets_chain(ledger: Iterable[Noted]) -> None:
    """Every partition went on exactly where it was left, whoever held it."""
    moves: dict[str, list[Noted]] = defaultdict(list)
    for noted in ledger:
        moves[noted.name].append(noted)
    for partition, chain in moves.items():
        for earlier, later in pairwise(chain):
            assert later.before == earlier.after, f"partition {partition} jumped from {earlier} to {later}"
            assert int(later.after or 0) > int(later.before or 0), f"partition {partition} went back: {later}"


def check_steps_once(ledger: Iterable[Noted]) -> None:
    started = Counter(noted.name for noted in ledger if noted.after == "started")
    twice = [step for step, times in started.items() if times > 1]
    assert twice == [], f"approved steps that were started twice: {twice}"


async def check_order(database: str, entries: Iterable[bytes]) -> None:
    """What the alerts that are told again went through is the order in which the inbox holds their turns.

    ``entries`` are the inbox's payloads, in order. Each turn also took effect exactly once: it was counted.
    """
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for payload in entries:
        for event in decode_events(payload):
            if isinstance(event, AlertEvent) and event.labels.get("instance") == ANCHOR:
                told[event.source, event.fingerprint].append(event.annotations["turn"])
    seen: dict[str, list[str]] = defaultdict(list)
    for noted in await read_ledger(database, "turn"):
        seen[noted.name].append(noted.after or "")
    anchors = await rows(
        database,
        "SELECT identity, source, fingerprint, repeats, annotations::json->>'turn' FROM alert "
        "WHERE labels::json->>'instance' = %s",
        [ANCHOR],
    )
    assert len(anchors) == len(told)
    for identity, source, fingerprint, repeats, turn in anchors:
        turns = told[source, fingerprint]
        assert repeats == len(turns) - 1, f"{len(turns)} turns were told, {repeats + 1} counted"
        assert turn == turns[-1], f"turn {turns[-1]} was the last of the inbox, {turn} took effect last"
        assert _is_within(seen[identity], turns), f"{seen[identity]} is not the order of {turns}"


def _is_within(part: Sequence[str], whole: Iterable[str]) -> bool:
    """Whether ``whole`` holds the values of ``part`` in their order; it may hold more between them."""
    rest = iter(whole)
    return all(value in rest for value in part)


def taken_over(ledger: Iterable[Noted], lost: Mapping[str, str]) -> dict[str, datetime]:
    """When each lease of ``lost`` (name → who held it) first had another holder."""
    moments: dict[str, datetime] = {}
    for noted in ledger:
        if noted.name in lost and noted.holder != lost[noted.name]:
            moments.setdefault(noted.name, noted.at)
    return moments
