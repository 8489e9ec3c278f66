"""Which rules concern a published port, in the words of each program that lists them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._firewall import firewall_rules

# As iptables-save prints what engine 28 made for two containers. One has -p 8080:80, 127.0.0.1:8081:80, 5353:53/udp and
# 5353:53, the other 9080:80.
IPTABLES = """\
*raw
:PREROUTING ACCEPT [10:840]
-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP
-A PREROUTING -d 172.17.0.3/32 ! -i docker0 -j DROP
-A PREROUTING -d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 8081 -j DROP
COMMIT
*filter
:FORWARD DROP [0:0]
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p udp -m udp --dport 53 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 53 -j ACCEPT
-A DOCKER -d 172.17.0.3/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER ! -i docker0 -o docker0 -j DROP
-A OTHERS ! -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j ACCEPT
COMMIT
*nat
-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
-A DOCKER -d 127.0.0.1/32 ! -i docker0 -p tcp -m tcp --dport 8081 -j DNAT --to-destination 172.17.0.2:80
-A DOCKER ! -i docker0 -p udp -m udp --dport 5353 -j DNAT --to-destination 172.17.0.2:53
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 5353 -j DNAT --to-destination 172.17.0.2:53
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 9080 -j DNAT --to-destination 172.17.0.3:80
COMMIT
"""
IP6TABLES = """\
*nat
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination [fd00::2]:80
COMMIT
*filter
-A DOCKER -d fd00::2/128 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
COMMIT
"""
# As nft lists what engine 29 makes with firewall-backend "nftables" (moby, bridge/internal/nftabler).
NFT = """\
table ip docker-bridges {
	map filter-forward-in-jumps {
		type ifname : verdict
		elements = { "docker0" : jump filter-forward-in__docker0 }
	}

	chain nat-prerouting-and-output {
		iifname != "docker0" tcp dport 8080 counter packets 3 bytes 180 dnat to 172.17.0.2:80 comment "DNAT"
	}

	chain raw-PREROUTING {
		type filter hook prerouting priority raw; policy accept;
		ip daddr 172.17.0.2 iifname != "docker0" counter packets 0 bytes 0 drop comment "DROP DIRECT ACCESS"
	}

	chain filter-forward-in__docker0 {
		ct state established,related counter packets 5 bytes 300 accept
		ip daddr 172.17.0.2 tcp dport 80 ct original ip daddr != 172.17.0.2 counter packets 0 bytes 0 accept
		ip daddr 172.17.0.2 tcp dport 81 counter packets 0 bytes 0 accept
		counter packets 0 bytes 0 drop comment "UNPUBLISHED PORT DROP"
	}
}
"""


def port(host_address: str, host_port: int, container_port: int, protocol: str = "tcp") -> dict[str, Any]:
    return {
        "host_address": host_address,
        "host_port": host_port,
        "container_port": container_port,
        "protocol": protocol,
    }


RULES = firewall_rules.Rules(
    [*firewall_rules.iptables("iptables", IPTABLES), *firewall_rules.iptables("ip6tables", IP6TABLES)]
)
DIRECT = "iptables -t raw -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP"


@pytest.mark.parametrize(
    ("published", "nat", "accepting"),
    [
        (port("0.0.0.0", 8080, 80), "! -i docker0 -p tcp -m tcp --dport 8080", "-p tcp -m tcp --dport 80"),
        (port("0.0.0.0", 5353, 53, "udp"), "! -i docker0 -p udp -m udp --dport 5353", "-p udp -m udp --dport 53"),
    ],
)
def test_port_has_its_own_rules(published: dict[str, Any], nat: str, accepting: str) -> None:
    found = RULES.of(published, ["172.17.0.2", "fd00::2"])
    target = f"172.17.0.2:{published['container_port']}"
    assert found == {
        "nat": [f"iptables -t nat -A DOCKER {nat} -j DNAT --to-destination {target}"],
        "filter": [
            DIRECT,
            f"iptables -t filter -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 {accepting} -j ACCEPT",
        ],
    }


def test_port_on_one_address_is_decided_on_there_too() -> None:
    found = RULES.of(port("127.0.0.1", 8081, 80), ["172.17.0.2"])
    assert [rule for rule in found["nat"] if "-d 127.0.0.1/32" in rule] == found["nat"] != []
    assert "iptables -t raw -A PREROUTING -d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 8081 -j DROP" in found["filter"]


def test_port_of_the_other_family_is_the_other_programs() -> None:
    found = RULES.of(port("::", 8080, 80), ["172.17.0.2", "fd00::2"])
    (rule,) = found["nat"]
    assert rule.startswith("ip6tables -t nat -A DOCKER ")
    assert rule.endswith(" --to-destination [fd00::2]:80")
    assert len(found["filter"]) == 1


def test_port_without_a_rule_has_none() -> None:
    """docker-proxy alone carries a port on IPv6 to a container that has IPv4 alone."""
    assert RULES.of(port("::", 8080, 80), ["172.17.0.2"]) == {"nat": [], "filter": []}


def test_rules_of_nft_are_read_without_their_counters() -> None:
    found = firewall_rules.Rules(firewall_rules.nft(NFT)).of(port("0.0.0.0", 8080, 80), ["172.17.0.2"])
    of_chain = "nft add rule ip docker-bridges"
    assert found == {
        "nat": [
            f'{of_chain} nat-prerouting-and-output iifname != "docker0" tcp dport 8080 dnat to 172.17.0.2:80'
            ' comment "DNAT"'
        ],
        "filter": [
            f'{of_chain} raw-PREROUTING ip daddr 172.17.0.2 iifname != "docker0" drop comment "DROP DIRECT ACCESS"',
            f"{of_chain} filter-forward-in__docker0 ip daddr 172.17.0.2 tcp dport 80"
            " ct original ip daddr != 172.17.0.2 accept",
        ],
    }


def test_proxy_says_what_it_serves() -> None:
    line = "/usr/sbin/docker-proxy -proto tcp -host-ip :: -host-port 8080 -container-ip 172.17.0.2 -container-port 80"
    assert firewall_rules.proxy(line.split()) == ("tcp", "::", 8080)
    assert firewall_rules.proxy(["/bin/sh", "-c", line]) is None
    assert firewall_rules.proxy(["docker-proxy", "-proto"]) is None
    assert firewall_rules.proxy([]) is None
