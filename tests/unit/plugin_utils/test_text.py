"""What others wrote is text on a terminal and nothing else."""

from __future__ import annotations

import json
import unicodedata

import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils.text import printable, printable_data
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Füße, 日本語, 🚢", "Füße, 日本語, 🚢"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\rb\x08\x7f", r"a\rb\x08\x7f"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\u202egnp.exe\u2066", r"\u202egnp.exe\u2066"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("a\u200bb\ufeff\u00ad\u2060", r"a\u200bb\ufeff\xad\u2060"),
        ("a\ufe0f\u034f\u115f\u3164\U000e0101", r"a\ufe0f\u034f\u115f\u3164\U000e0101"),
        ("\U000e0041\ue000", r"\U000e0041\ue000"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_is_more_than_text_is_a_visible_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_every_text_is_printable_and_stays(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert not any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for one in shown)
    assert printable(shown) == shown


@given(st.text())
def test_lines_may_stay(text: str) -> None:
    shown = printable(text, lines=True)
    assert "".join(one for one in shown if one not in "\n\t").isprintable()
    assert shown.count("\n") == text.count("\n")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_data_is_printable_at_every_depth(data: object) -> None:
    text = json.dumps(printable_data(data), ensure_ascii=False)
    assert text.isprintable()
