"""Log lines of other programs: what looks like a secret is masked, and the rest stays readable."""

import pytest

from bot.integrations.kubernetes.evidence.redacting import redacted


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("db_password=hunter22 host=db", "hunter22"),
        ('{"apiKey": "abc123def", "user": "ana"}', "abc123def"),
        ("Authorization: Bearer abc.def.ghi-123", "abc.def.ghi-123"),
        ("using token 'k9s8d7f6'; token: k9s8d7f6", "token: k9s8d7f6"),
        ("postgres://shop:s3cret@db:5432/shop", "s3cret"),
        ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_1 from client", "eyJzdWIiOiIxMjM0In0"),
        ("key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
        ("pushed with ghp_0123456789abcdefghijABCDEFGHIJ", "ghp_0123456789abcdefghij"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "MIIEow"),
        ("Set-Cookie: session_id=9f8e7d6c; Path=/", "9f8e7d6c"),
        ("curl -H 'X-Api-Key: 55aa66bb'", "55aa66bb"),
    ],
)
def test_what_looks_like_a_secret_is_masked(line: str, secret: str) -> None:
    assert secret not in redacted(line)
    assert "***" in redacted(line)


@pytest.mark.parametrize(
    "line",
    [
        "2026-03-01T12:00:00Z ERROR java.lang.OutOfMemoryError: Java heap space",
        "GET /cart/42 500 in 31 ms",
        "connecting to postgres://db:5432/shop",
        "the basic plan is used",
        "panic: runtime error: index out of range [3] with length 3",
    ],
)
def test_what_is_none_stays_as_it_is(line: str) -> None:
    assert redacted(line) == line
