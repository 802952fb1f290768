"""What a program or a server said, made fit for people: no control sequence, no secret, not too long."""

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.remediation.executors.step import MAX_OUTPUT, presentable

secrets = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=4, max_size=12)


@pytest.mark.parametrize(
    "said, shown",
    [
        (b"\x1b[1;31mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1b(Bcursor\x1b[2J\x1b[H", "(Bcursor"),
        (b"\x9b31mx", "\ufffd31mx"),
        ("\u009b31mx".encode(), "31mx"),
        ("\u202egnp.exe\u202c".encode(), "gnp.exe"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"a\tb\n\n  c  \n", "a\tb\n\n  c"),
        (b" \n ", ""),
    ],
)
def test_control_sequences_are_left_out(said: bytes, shown: str) -> None:
    assert presentable(said, 0, []) == shown


@given(st.binary() | st.text(st.sampled_from("\x1b[]();0m\x07\\\u009b\u202eab")).map(str.encode))
def test_no_control_character_is_shown_but_tabs_and_line_ends(said: bytes) -> None:
    shown = presentable(said, 0, [])
    assert not [c for c in shown if unicodedata.category(c) == "Cc" and c not in "\t\n"]
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@given(st.lists(secrets, min_size=1, max_size=4), st.text(max_size=10))
def test_no_secret_is_shown_wherever_it_stands(known: list[str], around: str) -> None:
    assume(not any(secret in "*" * 20 or "*" in secret for secret in known))
    said = around.join(known + known)
    assert not [secret for secret in known if secret in presentable(said.encode(), 0, known)]


@pytest.mark.parametrize(
    "secrets, said, shown",
    [
        (["s3cret"], "token=s3cret;", "token=***;"),
        (["s3cret", "s3cret-longer"], "s3cret-longer", "***"),
        (["s3cret-longer", "s3cret"], "s3cret-longer s3cret", "*** ***"),
        (["s3cret\n"], "token s3cret", "token ***"),
        (["s3cret"], "s3\x1b[0mcr\x00et", "***"),
        (["line one\r\nline two"], "line one\r\nline two", "***"),
        (["abc"], "abc", "abc"),
        ([""], "abc", "abc"),
    ],
)
def test_secrets_of_four_characters_and_more_become_asterisks(secrets: list[str], said: str, shown: str) -> None:
    assert presentable(said.encode(), 0, secrets) == shown


@given(st.integers(0, 3 * MAX_OUTPUT), st.integers(0, 10**6))
def test_both_ends_of_a_long_output_are_kept_and_what_is_left_out_is_counted(size: int, left_out: int) -> None:
    said = "".join(chr(ord("a") + n % 26) for n in range(size))
    shown = presentable(said.encode(), left_out, [])
    assert len(shown) <= MAX_OUTPUT + 100
    if size <= MAX_OUTPUT:
        assert shown == said
    else:
        half = MAX_OUTPUT // 2
        assert shown == f"{said[:half]}\n… {left_out + size - MAX_OUTPUT} bytes left out …\n{said[-half:]}"
