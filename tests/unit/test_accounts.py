"""Who calls is told by the token of a header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivemind.domain.accounts import bearer_of


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Bearer%20abc", "abc"),  # as Claude Code sends what OTEL_EXPORTER_OTLP_HEADERS says
        ("Bearer", ""),
        ("Bearerabc", ""),
        ("Basic abc", ""),
        ("Bearer abc def", ""),
        ("", ""),
    ],
)
def test_a_token_is_read(header: str, token: str) -> None:
    """By the one scheme that there is, and nothing else is one."""
    assert bearer_of(header) == token


@given(header=st.text())
def test_any_header_is_read(header: str) -> None:
    """Whatever is sent is no error."""
    assert bearer_of(header) in header
