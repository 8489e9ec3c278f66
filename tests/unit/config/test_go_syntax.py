"""Texts that Go and Docker read are read; what they refuse is mostly found."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config import go_syntax
from hypothesis import given
from hypothesis import strategies as st

UNITS = ["", "b", "B", *(f"{unit}{rest}" for unit in "kmgtpKMGTP" for rest in ("", "b", "B", "ib", "iB", "IB"))]


@given(st.integers(0, 10**6), st.sampled_from(["", ".5", "."]), st.sampled_from(["", " "]), st.sampled_from(UNITS))
def test_every_size_of_go_units_is_read(number: int, fraction: str, space: str, unit: str) -> None:
    size = go_syntax.size(f"{number}{fraction}{space}{unit}")
    power = "bkmgtp".index(unit[:1].lower() or "b")
    assert size == int(float(f"{number}{fraction}") * 1000**power)


@given(st.text())
def test_any_text_is_a_size_or_none(text: str) -> None:
    size = go_syntax.size(text)
    assert size is None or (size >= 0 and any(digit in text for digit in "0123456789"))


@pytest.mark.parametrize(
    "text", ["", "10x", "10 mm", "m", "-1", "1.2.3m", "10mib!", "10ki", "1 0m", "ten", "10bb", "٣m"]
)
def test_no_size(text: str) -> None:
    assert go_syntax.size(text) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("1s", 1), ("1.5h", 5400), ("2h45m", 9900), ("500ms", 0.5), ("100µs", 1e-4), ("-1s", -1), (".5s", 0.5)],
)
def test_duration_of_go(text: str, seconds: float) -> None:
    assert go_syntax.duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", "500", "1 s", "1d", "s", "1.s.", "-"])
def test_no_duration(text: str) -> None:
    assert go_syntax.duration(text) is None


@given(st.ip_addresses(), st.integers(0, 65535))
def test_every_address_with_a_port_is_read(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    assert go_syntax.host_port(f"{host}:{port}") == (str(address), port)
    assert go_syntax.host_port(host) == (str(address), None)
    parts = go_syntax.url(f"tcp://user:pass@{host}:{port}/path?query#fragment")
    assert parts == go_syntax.Url("tcp", "user:pass", str(address), port, "/path", "?query#fragment")


@given(st.text())
def test_any_text_is_an_address_or_none(text: str) -> None:
    found = go_syntax.host_port(text)
    assert found is None or found[1] is None or 0 <= found[1] <= 65535
    go_syntax.url(text)


@pytest.mark.parametrize("text", ["a b", "a:65536", "a:b", "::1:80", "[::1", "[nonsense]:1", "a@b", "a/b"])
def test_no_host_and_port(text: str) -> None:
    assert go_syntax.host_port(text) is None


FIELDS = frozenset({"ID", "Name", "ImageName"})


@pytest.mark.parametrize(
    "text",
    [
        "mailer",
        "docker.{{.ID}}",
        "{{.Name}}/{{ .ID }}",
        "{{- .Name -}}",
        '{{ with split .ImageName ":" }}{{join . "_"}}{{end}}-{{.ID}}',
        '{{if eq .Name "}}"}}x{{else}}y{{end}}',
        "{{/* words */ -}}",
        "{{index .ContainerLabels `com.example/a}}b`}}",
        "a } b }}",
        "{{ $x := .Name }}{{ $x }}",
    ],
)
def test_template(text: str) -> None:
    assert go_syntax.template_problem(text, FIELDS) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{.Name", "without"),
        ("{{.Name}", "without"),
        ("{{.Name}}{{", "without"),
        ("{{}}", "nothing"),
        ("{{if .Name}}x", "end"),
        ("{{.Nmae}}", "{{.Nmae}}"),
    ],
)
def test_no_template(text: str, reason: str) -> None:
    assert reason in (go_syntax.template_problem(text, FIELDS) or "")


@pytest.mark.parametrize(
    "text", ["^(os|customer)", "^INFO", r"\pL+", "(?P<a>b)", "(?i)x", r"\Q(\E", "[(]", r"\(?=", "[(?=]"]
)
def test_pattern(text: str) -> None:
    assert go_syntax.pattern_problem(text) is None


@pytest.mark.parametrize("text", ["(os", "os)", "(?!x)", "a(?<=b)"])
def test_no_pattern(text: str) -> None:
    assert go_syntax.pattern_problem(text) is not None
