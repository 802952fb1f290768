"""Moments are written for SQLite as SQLAlchemy writes them, so that rows of every version are alike."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import DateTime, Dialect, make_url

from bot.storage.types import UtcDateTime

_OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=_OFFSETS)


def _dialect(name: str) -> Dialect:
    return make_url(f"{name}://").get_dialect()()


@given(_MOMENTS)
def test_a_moment_is_the_text_that_sqlalchemy_writes_and_reads_back_with_its_zone(moment: datetime) -> None:
    dialect = _dialect("sqlite")
    usual = DateTime().dialect_impl(dialect).bind_processor(dialect)
    assert usual is not None
    written = UtcDateTime().bind_processor(dialect)(moment)
    assert written == usual(moment.astimezone(UTC).replace(tzinfo=None))
    read = UtcDateTime().result_processor(dialect, None)(written)
    assert read == moment and read is not None and read.tzinfo is UTC


def test_no_moment_stays_none_on_both_databases() -> None:
    for dialect in (_dialect("sqlite"), _dialect("postgresql+psycopg")):
        assert UtcDateTime().bind_processor(dialect)(None) is None
        assert UtcDateTime().result_processor(dialect, None)(None) is None
