"""Instances as EC2 filters them."""

from collections.abc import Callable

from ministack.services import ec2

from lab.conformance.around import Record, around
from lab.settings import Settings

# Filter to the key of MiniStack's record.
_KEYS = {"instance-id": "InstanceId", "subnet-id": "SubnetId", "vpc-id": "VpcId"}


def instances_are_filtered_by_id(_settings: Settings) -> None:
    """DescribeInstances honours the filters instance-id, subnet-id and vpc-id: one is not taken for all."""

    @around(ec2, "_matches_filters")
    def by_id(
        original: Callable[[Record, dict[str, list[str]]], bool],
        instance: Record,
        filters: dict[str, list[str]],
    ) -> bool:
        asked = {key: filters[name] for name, key in _KEYS.items() if name in filters}
        return original(instance, filters) and all(instance.get(key) in asked[key] for key in asked)
