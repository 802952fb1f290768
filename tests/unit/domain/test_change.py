"""In which correlation domains a change counts."""

import pytest

from bot.domain.change import domains_that_count


@pytest.mark.parametrize(
    ("domain", "partition_by", "count"),
    [
        ("", ["cluster"], {""}),
        ("eu", ["cluster"], {"eu", ""}),
        ("eu/", ["cluster", "team"], {"eu/", "/"}),
        ("eu/shop", ["cluster", "team"], {"eu/shop", "eu/", "/shop", "/"}),
        ("a/b/shop", ["cluster", "team"], {"a/b/shop", "/"}),
        ("", [], {""}),
    ],
)
def test_a_change_counts_where_nothing_that_it_says_is_otherwise(
    domain: str, partition_by: list[str], count: set[str]
) -> None:
    assert set(domains_that_count(domain, partition_by)) == count
