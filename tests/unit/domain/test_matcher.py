"""Matchers, in Alertmanager's notation: read, written, matched, and safe from patterns that never end."""

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.domain.matcher import Matcher, matches, matches_all, parse_matcher, parse_matchers
from tests.unit.strategies import labels

label_names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_.]{0,10}", fullmatch=True) | st.sampled_from(
    ["app.kubernetes.io/name", "my-label", 'odd "one"', "café", "two words", "a=b"]
)
values = st.text(max_size=20) | st.sampled_from(['"', "\\", "\\n", '\\"', "\n", "a b", " ", "=~", ""])
literals = st.builds(Matcher, label_names, st.sampled_from(["=", "!="]), values)


@given(literals)
def test_a_matcher_that_is_written_down_is_read_as_the_same(matcher: Matcher) -> None:
    assert parse_matcher(str(matcher)) == matcher
    assert "\n" not in str(matcher)


@given(
    label_names, st.sampled_from(["=~", "!~"]), st.sampled_from([r"10\.0\..*", r"\d+", "web-(a|b)", "", 'x"y', "é.?"])
)
def test_a_pattern_that_is_written_down_is_read_as_the_same(label: str, operator: str, pattern: str) -> None:
    matcher = Matcher(label, operator, pattern)  # type: ignore[arg-type]
    assert parse_matcher(str(matcher)) == matcher


@pytest.mark.parametrize(
    "text, matcher",
    [
        ("service=checkout", Matcher("service", "=", "checkout")),
        ("  service != checkout ", Matcher("service", "!=", "checkout")),
        ('service=~"check.*"', Matcher("service", "=~", "check.*")),
        ("service!~a|b", Matcher("service", "!~", "a|b")),
        ("service=", Matcher("service", "=", "")),
        ('service=""', Matcher("service", "=", "")),
        ('summary="two words, and a comma"', Matcher("summary", "=", "two words, and a comma")),
        (r'path="C:\\x \"quoted\" \n"', Matcher("path", "=", 'C:\\x "quoted" \n')),
        (r'instance=~"10\.0\.\d+"', Matcher("instance", "=~", r"10\.0\.\d+")),
        (r"instance=~10\.0\.\d+", Matcher("instance", "=~", r"10\.0\.\d+")),
        ("app.kubernetes.io/name=cart", Matcher("app.kubernetes.io/name", "=", "cart")),
        ('"app.kubernetes.io/name"="cart"', Matcher("app.kubernetes.io/name", "=", "cart")),
        ("my-label!~x.*", Matcher("my-label", "!~", "x.*")),
        ('"two words"=a', Matcher("two words", "=", "a")),
    ],
)
def test_alertmanagers_notation_is_read(text: str, matcher: Matcher) -> None:
    assert parse_matcher(text) == matcher


@pytest.mark.parametrize("text", ["", "service", "=x", "{a=b", 'a="b', 'a="b"c', 'a=b"c', "a~b", 'a="\\"', "a b=c"])
def test_what_is_no_matcher_is_refused_with_the_notation(text: str) -> None:
    with pytest.raises(ValueError, match="write label=value"):
        parse_matcher(text)


@pytest.mark.parametrize(
    "text, hint", [("service=cart,", "ends in a comma"), ("a=b,c=d", "several matchers"), ('""=x', "names no label")]
)
def test_what_was_meant_otherwise_is_answered_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        parse_matcher(text)


@pytest.mark.parametrize(
    "text, written",
    [
        ("a=b c=d", ['a="b"', 'c="d"']),
        ('{a="b, c=d", e=~"f g"}', ['a="b, c=d"', 'e=~"f g"']),
        ("a=b, c!=d,", ['a="b"', 'c!="d"']),
        ('a="b",c="d"', ['a="b"', 'c="d"']),
        ("a=two words", ['a="two words"']),
        ("a=~x{1,2}", ['a=~"x{1,2}"']),
        ("", []),
    ],
)
def test_matchers_in_a_row_are_read_as_people_write_them(text: str, written: list[str]) -> None:
    assert [str(one) for one in parse_matchers(text)] == written


@given(st.lists(literals, max_size=4), st.sampled_from([" ", ", ", ","]))
def test_matchers_that_are_written_in_a_row_are_read_as_the_same(matchers: list[Matcher], between: str) -> None:
    assert parse_matchers(between.join(map(str, matchers))) == matchers


@given(st.text())
def test_any_text_is_a_matcher_or_a_value_error(text: str) -> None:
    try:
        matcher = parse_matcher(text)
    except ValueError:
        return
    assert matches(matcher, {}) in (True, False)


@given(labels, label_names, values)
def test_a_value_matches_itself_and_nothing_else_and_a_missing_label_is_an_empty_value(
    labels: dict[str, str], label: str, value: str
) -> None:
    same = labels.get(label, "") == value
    assert matches(Matcher(label, "=", value), labels) == same
    assert matches(Matcher(label, "!=", value), labels) != same


@given(st.sampled_from([".*", "a+b?", "(web|db)-[0-9]+", "", "[^a]"]), st.text("abwed-019\n", max_size=6))
def test_the_two_pattern_operators_are_each_others_opposite(pattern: str, value: str) -> None:
    assert matches(Matcher("a", "=~", pattern), {"a": value}) != matches(Matcher("a", "!~", pattern), {"a": value})


@pytest.mark.parametrize(
    "value, fits", [("web-1", True), ("web-12", True), ("xweb-1", False), ("web-1x", False), ("web-", False)]
)
def test_a_pattern_must_fit_the_whole_value(value: str, fits: bool) -> None:
    assert matches(parse_matcher("host=~web-[0-9]+"), {"host": value}) == fits


@pytest.mark.parametrize("pattern", ["(", "[b-a]", "*", r"(a)\1", "(?=a)b", "a{1001}", "x" * 301])
def test_a_pattern_that_cannot_be_used_is_refused_when_it_is_written(pattern: str) -> None:
    with pytest.raises(ValueError, match="regular expression"):
        parse_matcher(f'a=~"{pattern}"')


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "((a+))+",
        "(a|a)*",
        "(a|aa)+",
        "(a*)*(a*)*(a*)*",
        "a?" * 100 + "a" * 100,
        "(a|a)" * 60,
        ".*" * 150,
        "([a-z]+)*x",
        "(.*a){20}",
    ],
)
def test_no_pattern_makes_a_hostile_value_take_long(pattern: str) -> None:
    """Each of them keeps a backtracking engine busy for longer than anybody waits."""
    matcher = parse_matcher(f"a=~{pattern}")
    began = time.perf_counter()
    assert not matches(matcher, {"a": "a" * 20_000 + "!\n"})
    assert time.perf_counter() - began < 2


@given(st.lists(literals, max_size=4), labels)
def test_all_matchers_must_hold(matchers: list[Matcher], labels: dict[str, str]) -> None:
    assert matches_all(matchers, labels) == (not [m for m in matchers if not matches(m, labels)])


@given(literals, st.text(min_size=1, max_size=5))
def test_a_matcher_followed_by_more_is_refused(matcher: Matcher, more: str) -> None:
    assume(more.strip())
    with pytest.raises(ValueError, match="no matcher"):
        parse_matcher(f"{matcher}{more}")
