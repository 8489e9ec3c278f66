"""No secret of an option is shown, and everything else of it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._apply import composition
from ansible_collections.mooring.docker.plugins.module_utils._config import fragments, options, validation
from ansible_collections.mooring.docker.plugins.module_utils._config.redaction import (
    DIFFERS,
    HIDDEN,
    names_a_secret,
    scrubbed,
)
from ansible_collections.mooring.docker.plugins.module_utils._engine import live
from hypothesis import given
from hypothesis import strategies as st

S = "s3cr3t"

# An option, its value with the secret in it, and a part that is to be seen.
PLACES: list[tuple[str, Any, str]] = [
    ("log-opts", {"splunk-token": S, "max-size": "10m"}, "10m"),
    ("log-opts", {"splunk-url": f"https://u:{S}@splunk.example:8088"}, "splunk.example"),
    ("log-opts", {"logentries-token": S, "tag": "web"}, "web"),
    ("log-opts", {"syslog-address": f"tcp+tls://u:{S}@log.example"}, "log.example"),
    ("log-opts", {"syslog-tls-key": "/etc/ssl/log.key", "dd-api-key": S}, "/etc/ssl/log.key"),
    ("log-opts", {"awslogs-credentials-endpoint": "/creds", "aws-secret-access-key": S}, "/creds"),
    ("log-opts", {"sumo-url": f"https://sumo.example/receiver/v1/http/{S}"}, "sumo.example"),
    ("log-opts", {"loki-url": f"https://loki.example/push?tenant={S}"}, "loki.example"),
    ("log-opts", {"fluentd-address": "fluent.example:24224", "shared_key": f"/{S}"}, "fluent.example"),
    ("log-opts", {"sharedKey": S, "gelf-address": "udp://gelf.example:12201"}, "gelf.example"),
    ("log-opts", {"nested": {"password": S}, "mode": "non-blocking"}, "non-blocking"),
    ("proxies", {"http-proxy": f"http://u:{S}/x@proxy.example:3128", "no-proxy": "10.0.0.0/8"}, "10.0.0.0/8"),
    ("proxies", {"https-proxy": f"u:{S}@proxy.example:3128"}, "proxy.example:3128"),
    ("http-proxy", f"http://u:a@b/{S}@proxy.example", "proxy.example"),
    ("http-proxy", f"http://u:a#{S}?b@proxy.example", "proxy.example"),
    ("http-proxy", f"http://u:%40{S}%2F@proxy.example", "proxy.example"),
    ("http-proxy", f"http://u:a b\n{S}@proxy.example", "proxy.example"),
    ("http-proxy", f"http:\\\\u:{S}@proxy.example", "proxy.example"),
    ("http-proxy", f"http://{S}@proxy.example", "proxy.example"),
    ("https-proxy", [f"http://u:{S}@proxy.example"], "proxy.example"),
    ("registry-mirrors", ["https://plain.example", f"https://u:{S}@mirror.example"], "plain.example"),
    ("registry-mirrors", [f"https://mirror.example/v2/?access_token={S}&ns=x"], "ns=x"),
    ("registry-mirrors", f"https://u:{S}@mirror.example", "mirror.example"),
    ("insecure-registries", [f"u:{S}@registry.example:5000"], "registry.example"),
    ("labels", [f"com.example.api-token={S}", "com.example.tier=web"], "com.example.tier=web"),
    ("labels", [f"com.example/dsn=https://{S}@sentry.example/1", "a=b=c"], "a=b=c"),
    ("labels", [f"upstream=https://u:{S}@git.example/x"], "git.example"),
    ("runtimes", {"x": {"path": "/usr/bin/x", "runtimeArgs": [f"--token={S}", "--debug"]}}, "--debug"),
    ("runtimes", {"x": {"runtimeArgs": ["--api-key", S, "--root", "/run/x"]}}, "/run/x"),
    ("runtimes", {"x": {"options": {"Credentials": {"user": S}}, "path": "/usr/bin/x"}}, "/usr/bin/x"),
    ("node-generic-resources", [f"license-key={S}", "gpu=UUID1"], "gpu=UUID1"),
    ("storage-opts", [f"dm.password={S}", "overlay2.size=1G"], "overlay2.size=1G"),
    ("default-network-opts", {"overlay": {"psk": S, "mtu": "1400"}}, "1400"),
    ("unheard-of", {"apiKey": S, "size": "7"}, "7"),
    ("unheard-of-password", S, HIDDEN),
    ("unheard-of", f"https://u:{S}@host.example", "host.example"),
]


@pytest.mark.parametrize("place", range(len(PLACES)))
def test_secret_is_hidden_wherever_the_option_is_told(place: int) -> None:
    key, value, rest = PLACES[place]
    config = {key: value}
    other = json.loads(json.dumps(config).replace(S, "another"))
    changed = composition._difference(Path("/x.json"), fragments.render(config), fragments.render(other))
    told = [
        fragments.render(options.concealed(config)),
        options.short(key, value),
        changed["before"],
        changed["after"],
        str(validation.problems({**config, "log-driver": 7})),
        str(live.not_reloaded({key: value}, {key: json.dumps(other[key])})),
    ]
    for wins in (
        lambda: fragments.merge({"10-a": config, "20-b": config}),
        lambda: fragments.adopt(config, {"10-a": other}, "refuse"),
    ):
        with pytest.raises(fragments.ConfigError) as caught:
            wins()
        told.append(str(caught.value))
    assert not any(S in text or "another" in text for text in told)
    assert rest in changed["before"]
    assert DIFFERS in changed["after"]
    assert DIFFERS not in changed["before"]
    assert any(S in secret for secret in options.secrets(config))
    # What dockerd quotes of it.
    secrets = options.secrets(config)
    assert S not in scrubbed(f'level=error msg="cannot use {value!r}": {json.dumps(value)} {S}x', secrets)


def test_what_is_no_secret_is_shown_as_it_is() -> None:
    config = {
        "hosts": ["fd://", "tcp://[::1]:2376"],
        "tlskey": "/etc/docker/tls/key.pem",
        "authorization-plugins": ["opa"],
        "features": {"containerd-snapshotter": True},
        "log-opts": {"max-size": "10m", "compress": "true", "env": "A,B", "splunk-insecureskipverify": "true"},
        "registry-mirrors": ["https://mirror.example/v2/"],
        "default-address-pools": [{"base": "10.0.0.0/8", "size": 24}],
        "exec-opts": ["native.cgroupdriver=systemd"],
        "userns-remap": "default",
    }
    assert options.concealed(config) == config
    assert options.secrets(config) == set()


def test_secret_that_stays_is_not_marked_as_changed() -> None:
    before = {"log-opts": {"splunk-token": S}, "registry-mirrors": [f"https://u:{S}@a.example"]}
    after = {
        "log-opts": {"splunk-token": S, "tag": "x"},
        "registry-mirrors": ["https://b.example", *before["registry-mirrors"]],
    }
    assert DIFFERS not in json.dumps(options.compared(before, after))
    # Where it was not before, its line is new anyhow.
    assert DIFFERS not in json.dumps(options.compared({}, after))


def test_exchanged_secrets_are_both_marked() -> None:
    proxies = {"http-proxy": "http://u:one@a", "https-proxy": "http://u:two@a"}
    swapped = {"http-proxy": "http://u:two@a", "https-proxy": "http://u:one@a"}
    shown = options.compared({"proxies": proxies}, {"proxies": swapped})["proxies"]
    assert all(DIFFERS in text for text in shown.values())


def test_file_that_cannot_be_read_is_not_shown() -> None:
    shown = composition._difference(
        Path("/etc/docker/daemon.json"), f'{{"log-opts": {{"splunk-token": "{S}",}}}}', "{}\n"
    )
    assert S not in str(shown)
    assert "not shown" in shown["before"]


@pytest.mark.parametrize(
    "line",
    [
        f"log-opts: (from flag: map[splunk-token:{S} tag:web], from file: map[tag:web])",
        f"ExecStart=/usr/bin/dockerd --log-opt splunk-token={S} --label tier=web",
        f"ExecStart=/usr/bin/dockerd --http-proxy=http://u:{S}/y@p.example --label tier=web",
        f'parse "http://u:{S}@p.example:port": invalid port, tier:web',
        f'{{"splunk-token": "{S}", "tier": "web"}}',
        f'{{\\"splunk-token\\": \\"{S}\\", "tier": "web"}}',
    ],
)
def test_flags_and_quotes_are_known_by_their_names(line: str) -> None:
    text = scrubbed(line, ())
    assert S not in text
    assert "web" in text


def test_what_dockerd_quotes_twice_is_hidden() -> None:
    """Its log quotes a message that has the value in quotes already."""
    secret = 'front"back'
    once = json.dumps(f"cannot use {json.dumps(secret)}")
    for text in (secret, json.dumps(secret), once):
        assert "back" not in scrubbed(text, {secret}), text


def test_parts_that_a_parser_makes_of_a_password_are_hidden() -> None:
    secrets = options.secrets({"http-proxy": "http://u:front/b@ck#tail@p.example"})
    line = 'parse "http://u:front/b@ck": invalid port ":front" after host; tail'
    assert not any(part in scrubbed(line, secrets) for part in ("front", "tail"))


def test_a_short_secret_does_not_wreck_a_sentence() -> None:
    secrets = options.secrets({"log-opts": {"splunk-token": "er", "verify-token": "true", "key": "10"}})
    assert scrubbed("dockerd errs 10 times: true, er", secrets) == f"dockerd errs 10 times: true, {HIDDEN}"


@pytest.mark.parametrize(
    "name", ["max-size", "monkey", "author", "native.cgroupdriver", "tlskey", "keyring", "compass"]
)
def test_names_of_no_secret(name: str) -> None:
    assert not names_a_secret(name)


passwords = st.text(st.characters(codec="utf-8"), min_size=4, max_size=30).map(lambda text: f"Zq{text}Zq")


@given(passwords, st.sampled_from(["http://", "socks5://", ""]))
def test_any_password_of_a_proxy_is_hidden(password: str, scheme: str) -> None:
    value = f"{scheme}user:{password}@proxy.example:3128"
    config = {"proxies": {"http-proxy": value}}
    assert options.concealed(config)["proxies"]["http-proxy"] == f"{scheme}user:{HIDDEN}@proxy.example:3128"
    secrets = options.secrets(config)
    assert secrets == {password}
    for line in (f"cannot use {value}", json.dumps(value), json.dumps(config)):
        assert password not in scrubbed(line, secrets)


@given(passwords)
def test_any_token_is_hidden(token: str) -> None:
    config = {"log-opts": {"splunk-token": token}}
    assert options.concealed(config) == {"log-opts": {"splunk-token": HIDDEN}}
    assert token not in scrubbed(f"token is {token!r} {token} {json.dumps(token)}", options.secrets(config))


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)


@given(st.sampled_from([*options.OPTIONS, "unheard-of"]), json_values)
def test_whatever_stands_there_can_be_shown(key: str, value: Any) -> None:
    concealed = options.concealed({key: value})
    assert options.concealed(concealed).keys() == {key}
    assert json.dumps(options.compared({key: value}, {key: value})) == json.dumps(concealed)
    options.short(key, value)
    scrubbed(value, options.secrets({key: value}))


texts = st.recursive(
    st.one_of(st.none(), st.booleans(), st.text(max_size=12), st.from_regex(r"[a-z]{1,4}://[^@]{0,6}@?.{0,8}")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)


@given(st.sampled_from(list(options.OPTIONS)), texts)
def test_nothing_but_secrets_is_touched(key: str, value: Any) -> None:
    assert options.OPTIONS[key].secret(value, lambda _place, secret: secret) == value
