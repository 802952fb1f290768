"""A domain under other labels: what its name tells is kept, whatever the values look like."""

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.change import redomained
from bot.domain.event import domain_of

names = st.sampled_from(["cluster", "stage", "region"])
some = st.lists(names, unique=True)
value = st.text(st.sampled_from("ab/%25F"), max_size=6)


@given(some, some, st.fixed_dictionaries({"cluster": value, "stage": value, "region": value}))
def test_a_domain_is_under_other_labels_what_its_values_are(
    before: list[str], after: list[str], labels: dict[str, str]
) -> None:
    known = {name: labels[name] for name in before}
    assert redomained(domain_of(labels, before), before, after) == domain_of(known, after)


@given(some, some)
def test_a_name_that_was_cut_short_stays_where_it_cannot_be_read(before: list[str], after: list[str]) -> None:
    long = domain_of(dict.fromkeys(before, "x" * 5000), before)
    assert len(redomained(long, before, after).encode()) <= 1000
