"""For how long things are kept, as tandem.yaml says it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config import load_config
from bot.domain.retention import RetentionRules, days_before
from bot.errors import ConfigError


def _load(folder: Path, retention: str) -> RetentionRules:
    path = folder / "tandem.yaml"
    path.write_text(f"retention: {retention}\n")
    return load_config(path)[0].retention


def test_it_is_written_as_durations_and_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    assert _load(tmp_path, "{events: 1w, archive: false}") == RetentionRules(events=timedelta(days=7), archive=False)
    assert _load(tmp_path, "") == RetentionRules()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("{events: 12h}", "retention.events: write 1d or more"),
        ("{incident: 30d}", "did you mean 'incidents'"),
        ("{audit: 3}", "write a number and a unit"),
    ],
)
def test_what_cannot_be_meant_is_told(tmp_path: Path, said: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        _load(tmp_path, said)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.timedeltas(timedelta(days=1), timedelta(days=1100)),
)
def test_what_is_younger_than_it_is_to_be_kept_never_goes(now: datetime, kept: timedelta) -> None:
    before = days_before(now, kept)
    assert before <= now - kept < before + timedelta(days=1)
    assert (before.hour, before.minute, before.second, before.microsecond) == (0, 0, 0, 0)
