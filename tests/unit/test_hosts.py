"""Which hosts there should be, and which are too many."""

from typing import Any

import pytest

from plugins.filter.hosts import FilterModule
from plugins.module_utils import hosts

SUBNETS = {"eu-central-1a": "subnet-0a1", "eu-central-1b": "subnet-0b2"}


def instance(name: str, identifier: str = "i-1", size: str = "t3.small", **more: Any) -> dict[str, Any]:
    return {"instance_id": identifier, "instance_type": size, "tags": {"Name": name}, **more}


FOUND = [
    instance("goals-prod-2", "i-2"),
    instance("goals-prod-10", "i-10"),
    instance("goals-prod-1", "i-1", "t3.micro"),
    instance("goals-prod-9", "i-9"),
    instance("goals-prod-spare", "i-x"),
    instance("goals-prod-01", "i-y"),
    {"instance_id": "i-z", "instance_type": "t3.small", "tags": {}},
]


class TestWantedHosts:
    def test_are_dealt_to_the_zones_in_turn(self) -> None:
        wanted = hosts.wanted_hosts(3, "goals-prod", SUBNETS, ["sg-1"])
        assert [(host["name"], host["zone"], host["subnet_id"]) for host in wanted] == [
            ("goals-prod-1", "eu-central-1a", "subnet-0a1"),
            ("goals-prod-2", "eu-central-1b", "subnet-0b2"),
            ("goals-prod-3", "eu-central-1a", "subnet-0a1"),
        ]
        assert wanted[0]["security_groups"] == ["sg-1"]

    def test_have_no_groups_where_the_subnet_is_a_placeholder(self) -> None:
        """Otherwise ec2_instance asks AWS for the subnet, and the plan for a third zone fails."""
        subnets = {**SUBNETS, "eu-central-1c": "subnet-not-made-yet"}
        groups = [host["security_groups"] for host in hosts.wanted_hosts(3, "x", subnets, ["sg-1", ""])]
        assert groups == [["sg-1"], ["sg-1"], []]

    @pytest.mark.parametrize("count", [0, -1])
    def test_never_none(self, count: int) -> None:
        with pytest.raises(ValueError, match="expected 1 or more"):
            hosts.wanted_hosts(count, "goals-prod", SUBNETS, [])

    def test_need_a_place(self) -> None:
        with pytest.raises(ValueError, match="ec2_hosts_subnets is empty"):
            hosts.wanted_hosts(1, "goals-prod", {}, [])


def test_missing_hosts_fill_the_gaps() -> None:
    assert hosts.missing_hosts(FOUND, "goals-prod", 4) == ["goals-prod-3", "goals-prod-4"]


class TestSurplusHosts:
    def test_are_the_highest_numbers_highest_first(self) -> None:
        assert hosts.surplus_hosts(FOUND, "goals-prod", 2) == [
            {"name": "goals-prod-10", "id": "i-10"},
            {"name": "goals-prod-9", "id": "i-9"},
        ]

    def test_never_include_the_first(self) -> None:
        assert "i-1" not in [host["id"] for host in hosts.surplus_hosts(FOUND, "goals-prod", 0)]

    def test_are_none_where_the_count_is_right(self) -> None:
        assert hosts.surplus_hosts(FOUND, "goals-prod", 10) == []


def test_resized_hosts_are_named_with_the_type_they_have() -> None:
    assert hosts.resized_hosts(FOUND, "goals-prod", "t3.small") == ["goals-prod-1 (t3.micro)"]


def test_one_name_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="two instances are named goals-prod-1: i-1 and i-7"):
        hosts.missing_hosts([instance("goals-prod-1"), instance("goals-prod-1", "i-7")], "goals-prod", 1)


def test_addresses_are_public_ones_where_there_are() -> None:
    found = [
        instance("a-1", public_ip_address="203.0.113.7", private_ip_address="10.0.0.1"),
        instance("a-2", private_ip_address="10.0.0.2"),
    ]
    assert [host["address"] for host in hosts.host_addresses(found)] == ["203.0.113.7", "10.0.0.2"]


def test_filters_bear_the_functions_names() -> None:
    assert set(FilterModule().filters()) == {
        "wanted_hosts",
        "missing_hosts",
        "surplus_hosts",
        "resized_hosts",
        "host_addresses",
    }
