"""Subnets and security-group rules."""

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from plugins.filter.network import FilterModule
from plugins.module_utils import network


class TestSubnetPlan:
    def test_deals_one_block_to_each_zone(self) -> None:
        assert network.subnet_plan(["b", "a"], "10.42.0.0/16", 20) == [
            {"zone": "b", "cidr": "10.42.0.0/20"},
            {"zone": "a", "cidr": "10.42.16.0/20"},
        ]

    def test_one_more_zone_moves_nothing(self) -> None:
        two = network.subnet_plan(["a", "b"], "10.0.0.0/16", 24)
        assert network.subnet_plan(["a", "b", "c"], "10.0.0.0/16", 24)[:2] == two

    @pytest.mark.parametrize(
        ("zones", "prefix", "said"),
        [
            (["a"], 8, "between 16 and 28"),
            (["a"], 29, "between 16 and 28"),
            (["a", "b", "c"], 17, "room for 2 subnets"),
        ],
    )
    def test_says_what_does_not_fit(self, zones: list[str], prefix: int, said: str) -> None:
        with pytest.raises(ValueError, match=said):
            network.subnet_plan(zones, "10.42.0.0/16", prefix)


class TestSshRules:
    def test_nobody_is_no_rule(self) -> None:
        assert network.ssh_rules([]) == []

    def test_takes_blocks_with_and_without_a_description(self) -> None:
        rules = network.ssh_rules(
            ["198.51.100.0/24", {"cidr": "203.0.113.7/32", "description": "office"}, "2001:db8::/64"]
        )
        assert [rule["rule_desc"] for rule in rules] == [
            "SSH from 198.51.100.0/24",
            "SSH from office",
            "SSH from 2001:db8::/64",
        ]
        assert [rule.get("cidr_ip") for rule in rules] == [["198.51.100.0/24"], ["203.0.113.7/32"], None]
        assert rules[2]["cidr_ipv6"] == ["2001:db8::/64"]
        assert {rule["ports"][0] for rule in rules} == {"22"}

    @pytest.mark.parametrize("world", ["0.0.0.0/0", "::/0", {"cidr": "0.0.0.0/0", "description": "me"}])
    def test_refuses_the_world(self, world: network.Source) -> None:
        with pytest.raises(ValueError, match=r"ssh_allowed_cidrs\[1\].*whole world"):
            network.ssh_rules(["203.0.113.7/32", world])

    @pytest.mark.parametrize(
        ("source", "said"),
        [
            ("203.0.113.7/24", "host bits set"),
            ("home", "expected a CIDR"),
            ({"description": "office"}, "mapping of `cidr` and `description`"),
            ({"cidr": "203.0.113.7/32", "port": 22}, "mapping of `cidr` and `description`"),
            ({"cidr": "203.0.113.7/32", "description": "Ann's"}, "EC2 refuses the description"),
        ],
    )
    def test_says_what_is_wrong(self, source: network.Source, said: str) -> None:
        with pytest.raises(ValueError, match=said):
            network.ssh_rules([source])


def test_private_subnets_are_counted_from_the_middle() -> None:
    assert network.private_subnet_plan(["a", "b"], "10.42.0.0/16", 20) == {
        "a": "10.42.128.0/20",
        "b": "10.42.144.0/20",
    }


@pytest.mark.parametrize(("zones", "prefix"), [(3, 18), (1, 16)])
def test_private_subnets_need_room_beside_the_public_ones(zones: int, prefix: int) -> None:
    with pytest.raises(ValueError, match="no room for a public and a private subnet"):
        network.private_subnet_plan(list("abc")[:zones], "10.42.0.0/16", prefix)


@pytest.mark.parametrize(
    ("secrets", "added"),
    [
        ({}, []),
        ({"TOKEN": "ssm:goals/token"}, ["ssm"]),
        ({"TOKEN": "ssm:goals/token", "URL": "secretsmanager:goals/db#url"}, ["secretsmanager", "ssm"]),
        ({"TOKEN": "vault:goals#token"}, []),
    ],
)
def test_endpoints_are_what_tasks_need_to_start(secrets: dict[str, str], added: list[str]) -> None:
    services: dict[str, dict[str, Any]] = {"api": {"secrets": secrets}, "web": {"secrets": {}}}
    assert network.service_endpoints(services) == ["ecr.api", "ecr.dkr", "logs", "s3", *added]


def test_http_rules_open_each_port_to_each_block() -> None:
    rules = network.http_rules([80, 443], ["0.0.0.0/0", "2001:db8::/32"])
    assert [(rule["ports"], rule.get("cidr_ip"), rule.get("cidr_ipv6")) for rule in rules] == [
        (["80"], ["0.0.0.0/0"], None),
        (["80"], None, ["2001:db8::/32"]),
        (["443"], ["0.0.0.0/0"], None),
        (["443"], None, ["2001:db8::/32"]),
    ]


def test_group_rules_name_the_group_with_its_description() -> None:
    (rule,) = network.group_rules([80], "goals-prod-lb", "Load balancer of goals-prod")
    assert (rule["group_name"], rule["group_desc"]) == (["goals-prod-lb"], "Load balancer of goals-prod")


def test_only_ports_of_services_with_volumes_are_opened_between_hosts() -> None:
    services: dict[str, dict[str, Any]] = {
        "web": {"port": 8080, "volumes": []},
        "mongodb": {"port": 27017, "volumes": [{"name": "data", "path": "/data"}]},
        "worker": {"port": None, "volumes": [{"name": "spool", "path": "/spool"}]},
    }
    (rule,) = network.singleton_rules(services, "goals-prod-hosts")
    assert (rule["ports"], rule["group_name"]) == (["27017"], ["goals-prod-hosts"])


def test_filters_fail_in_ansible_s_way() -> None:
    with pytest.raises(AnsibleFilterError, match="whole world"):
        FilterModule().filters()["ssh_rules"](["0.0.0.0/0"])
