"""Options with which a logging driver could not start a container are refused; those that Docker documents are not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config.validation import problems

SPLUNK = {"splunk-token": "176FCEBF-4CF5-4EDF-91BC-703796522D20", "splunk-url": "https://splunkhost:8088"}
GELF = {"gelf-address": "udp://1.2.3.4:12201"}

# Driver and options; those of docs.docker.com's pages on logging drivers first.
RIGHT: list[tuple[str, dict[str, str]]] = [
    ("json-file", {"max-size": "10m", "max-file": "3", "labels": "production_status", "env": "os,customer"}),
    ("json-file", {"max-size": "200k", "max-file": "3", "compress": "true"}),
    ("json-file", {"labels-regex": "^(production_status|geo)", "env-regex": "^(os|customer)", "tag": "{{.Name}}"}),
    ("json-file", {"mode": "non-blocking", "max-buffer-size": "4m"}),
    (
        "json-file",
        {
            "cache-disabled": "false",
            "cache-max-file": "5",
            "cache-max-size": "20m",
            "cache-compress": "true",
            "env": "os,customer",
            "labels": "somelabel",
            "max-file": "5",
            "max-size": "10m",
        },
    ),
    ("local", {"max-size": "10m"}),
    ("local", {"max-file": "1", "compress": "false"}),
    ("journald", {"tag": "docker.{{.Name}}", "labels": "location"}),
    ("syslog", {"syslog-address": "udp://1.2.3.4:1111"}),
    ("syslog", {"syslog-address": "tcp+tls://192.168.1.3:514", "syslog-tls-skip-verify": "true"}),
    ("syslog", {"syslog-address": "unix:///tmp/syslog.sock", "syslog-format": "rfc5424micro"}),
    ("syslog", {"syslog-address": "udp://syslog", "syslog-facility": "daemon", "tag": "mailer"}),
    ("syslog", {"syslog-address": "tcp://[2001:db8::1]:514", "syslog-facility": "16"}),
    ("syslog", {"syslog-tls-ca-cert": "/etc/ca-certificates/custom/ca.pem"}),
    ("syslog", {}),
    ("gelf", GELF),
    ("gelf", {**GELF, "gelf-compression-type": "gzip", "gelf-compression-level": "2"}),
    ("gelf", {"gelf-address": "tcp://graylog:12201", "gelf-tcp-max-reconnect": "3", "gelf-tcp-reconnect-delay": "1"}),
    ("fluentd", {"fluentd-address": "fluentdhost:24224"}),
    ("fluentd", {"fluentd-address": "tcp://fluentdhost:24224", "fluentd-async": "true"}),
    ("fluentd", {"fluentd-address": "unix:///path/to/fluentd.sock", "fluentd-buffer-limit": "1048576"}),
    ("fluentd", {"fluentd-address": "fluentdhost", "fluentd-retry-wait": "1s", "fluentd-max-retries": "4294967295"}),
    ("fluentd", {"fluentd-async-reconnect-interval": "500ms", "fluentd-write-timeout": "2s"}),
    ("splunk", SPLUNK),
    (
        "splunk",
        {
            **SPLUNK,
            "splunk-capath": "/path/to/cert/cacert.pem",
            "splunk-caname": "SplunkServerDefaultCert",
            "tag": "{{.Name}}/{{.FullID}}",
            "labels": "location",
            "env": "TEST",
            "splunk-format": "raw",
            "splunk-gzip-level": "-1",
        },
    ),
    ("splunk", {**SPLUNK, "splunk-url": "https://http-inputs-XXXXXXXX.splunkcloud.com", "tag": ""}),
    ("awslogs", {"awslogs-region": "us-east-1", "awslogs-group": "myLogGroup", "awslogs-create-group": "true"}),
    ("awslogs", {"awslogs-group": "g", "awslogs-datetime-format": r"\[%b %d, %Y %H:%M:%S\]"}),
    ("awslogs", {"awslogs-group": "g", "awslogs-multiline-pattern": "^INFO"}),
    ("awslogs", {"awslogs-group": "g", "tag": '{{ with split .ImageName ":" }}{{join . "_"}}{{end}}-{{.ID}}'}),
    ("gcplogs", {"gcp-meta-name": "example-instance-12345"}),
    ("gcplogs", {"labels": "location", "env": "TEST", "gcp-log-cmd": "true"}),
    ("none", {"whatever": "x"}),
    ("vendor/plugin:latest", {"max-size": "10x", "whatever": "x"}),
]

WRONG: list[tuple[str, dict[str, str], str]] = [
    ("json-file", {"max-size": "10x"}, "log-opts max-size: must be a size such as 10m"),
    ("json-file", {"max-size": "0"}, "more than nothing"),
    ("json-file", {"max-size": "-1"}, "max-size"),
    ("json-file", {"max-file": "0"}, "at least 1"),
    ("json-file", {"max-file": "three", "max-size": "1m"}, "max-file"),
    ("json-file", {"max-siez": "10m"}, "did you mean max-size?"),
    ("json-file", {"compress": "true", "max-size": "1m"}, "max-file of at least 2"),
    ("json-file", {"compress": "yes"}, "true or false"),
    ("json-file", {"tag": "{{.Name"}, "without"),
    ("json-file", {"tag": "{{.Nmae}}"}, "{{.Nmae}}"),
    ("json-file", {"labels-regex": "^(a"}, "labels-regex"),
    ("json-file", {"mode": "nonblocking"}, "non-blocking"),
    ("json-file", {"max-buffer-size": "4m"}, "needs mode: non-blocking"),
    ("json-file", {"mode": "non-blocking", "max-buffer-size": "4x"}, "max-buffer-size"),
    ("json-file", {"cache-disabled": "maybe"}, "cache-disabled"),
    ("local", {"max-file": "1"}, "compress"),
    ("local", {"syslog-address": "udp://1.2.3.4:1111"}, "driver local has no such option"),
    ("journald", {"max-size": "10m"}, "driver journald has no such option"),
    ("syslog", {"syslog-address": "1.2.3.4:514"}, "udp://HOST:PORT"),
    ("syslog", {"syslog-address": "http://1.2.3.4"}, "udp://HOST:PORT"),
    ("syslog", {"syslog-facility": "local8"}, "local7"),
    ("syslog", {"syslog-facility": "24"}, "from 0 to 23"),
    ("syslog", {"syslog-format": "rfc3339"}, "rfc3164"),
    ("syslog", {"syslog-address": "tcp+tls://1.2.3.4", "syslog-tls-cert": "/c.pem"}, "syslog-tls-key"),
    ("gelf", {}, "gelf-address is missing"),
    ("gelf", {"gelf-address": "udp://1.2.3.4"}, "HOST:PORT"),
    ("gelf", {"gelf-address": "1.2.3.4:12201"}, "HOST:PORT"),
    ("gelf", {**GELF, "gelf-compression-level": "10"}, "from -1 to 9"),
    ("gelf", {"gelf-address": "tcp://1.2.3.4:1", "gelf-compression-type": "gzip"}, "does not go with"),
    ("gelf", {**GELF, "gelf-tcp-max-reconnect": "3"}, "does not go with"),
    ("fluentd", {"fluentd-address": "udp://fluentdhost:24224"}, "tcp://HOST:PORT"),
    ("fluentd", {"fluentd-address": "fluentdhost:99999"}, "tcp://HOST:PORT"),
    ("fluentd", {"fluentd-address": "tcp://fluentdhost:24224/path"}, "tcp://HOST:PORT"),
    ("fluentd", {"fluentd-retry-wait": "1"}, "with its unit"),
    ("fluentd", {"fluentd-async-reconnect-interval": "50ms"}, "from 0.1s to 10s"),
    ("fluentd", {"fluentd-max-retries": "-1"}, "fluentd-max-retries"),
    ("splunk", {"splunk-url": SPLUNK["splunk-url"]}, "splunk-token is missing"),
    ("splunk", {**SPLUNK, "splunk-url": "https://splunkhost:8088/services"}, "without a path"),
    ("splunk", {**SPLUNK, "splunk-url": "splunkhost:8088"}, "https://HOST:PORT"),
    ("splunk", {**SPLUNK, "splunk-format": "xml"}, "inline"),
    ("splunk", {**SPLUNK, "splunk-gzip-level": "11"}, "from -1 to 9"),
    ("awslogs", {"awslogs-region": "us-east-1"}, "awslogs-group is missing"),
    ("awslogs", {"awslogs-group": "g", "labels": "x"}, "driver awslogs has no such option"),
    ("awslogs", {"awslogs-group": "g", "awslogs-max-buffered-events": "0"}, "at least 1"),
    (
        "awslogs",
        {"awslogs-group": "g", "awslogs-datetime-format": "%Y", "awslogs-multiline-pattern": "^x"},
        "exclude each other",
    ),
    ("gcplogs", {"tag": "x"}, "driver gcplogs has no such option"),
    ("gcplogs", {"gcp-log-cmd": "yes"}, "true, false"),
]


def _config(driver: str, options: dict[str, str]) -> dict[str, Any]:
    return {"log-driver": driver, "log-opts": options}


@pytest.mark.parametrize(("driver", "options"), RIGHT)
def test_what_is_documented_is_let_through(driver: str, options: dict[str, str]) -> None:
    assert problems(_config(driver, options)) == []
    assert problems(_config(driver, options), whole=False) == []
    assert problems(_config(driver, options), (29, 7)) == []


@pytest.mark.parametrize(("driver", "options", "reason"), WRONG)
def test_what_no_container_could_start_with_is_refused(driver: str, options: dict[str, str], reason: str) -> None:
    assert any(reason in problem for problem in problems(_config(driver, options)))


def test_message_names_option_value_and_way_out() -> None:
    assert problems(_config("json-file", {"max-size": "10x"})) == [
        "log-opts max-size: must be a size such as 10m, a number with k, m or g, not '10x'"
    ]


def test_driver_without_a_name_is_dockers_default() -> None:
    assert "driver json-file" in "; ".join(problems({"log-opts": {"syslog-address": "udp://1.2.3.4"}}))


def test_share_is_judged_by_what_is_certain() -> None:
    """The host may have the driver that the options belong to."""
    assert problems({"log-opts": {"syslog-address": "udp://1.2.3.4", "vendor": "x"}}, whole=False) == []
    assert problems({"log-driver": "gelf"}, whole=False) == []
    assert "max-size" in "; ".join(problems({"log-opts": {"max-size": "10x"}}, whole=False))


@pytest.mark.parametrize(
    ("driver", "options", "old", "new"),
    [
        ("fluentd", {"fluentd-write-timeout": "2s"}, (28, 1), (28, 2)),
        ("fluentd", {"fluentd-read-timeout": "2s"}, (28, 5), (29, 0)),
        ("fluentd", {"fluentd-async-reconnect-interval": "1s"}, (20, 10), (23, 0)),
        ("fluentd", {"fluentd-async-connect": "true"}, (28, 0), (26, 1)),
        ("awslogs", {"awslogs-group": "g", "awslogs-format": "json/emf"}, (20, 10), (23, 0)),
        ("logentries", {"logentries-token": "t"}, (25, 0), (20, 10)),
    ],
)
def test_option_is_judged_by_the_engines_version(
    driver: str, options: dict[str, str], old: tuple[int, int], new: tuple[int, int]
) -> None:
    assert f"engine {old[0]}.{old[1]}" in "; ".join(problems(_config(driver, options), old))
    assert problems(_config(driver, options), new) == []


def test_secrets_are_not_told() -> None:
    options = {"splunk-token": "hunter22222", "splunk-url": "https://user:hunter33333@splunkhost:8088/path"}
    told = "; ".join(problems(_config("splunk", options)))
    assert "splunk-url" in told
    assert "hunter" not in told
