"""Addresses of databases: what is wrong with one is said without repeating it, for it may hold a password."""

import pytest

from bot.errors import ConfigError
from bot.storage.database import open_database


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("hidden", "write sqlite:///PATH or postgresql://"),
        ("", "write sqlite:///PATH or postgresql://"),
        ("postgresql://bot:hidden@h:port/tandem", "write sqlite:///PATH or postgresql://"),
        ("mysql://bot:hidden@h/tandem", "mysql is not supported"),
        ("sqlite://", "would lose what was acknowledged"),
        ("sqlite:///:memory:", "would lose what was acknowledged"),
    ],
)
def test_an_address_that_cannot_be_is_refused_with_what_to_write(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"^TANDEM_DATABASE_URL: ") as refused:
        open_database(url)
    assert said in str(refused.value)
    assert "hidden" not in str(refused.value)
