"""What there is of an environment's private subnets and their ways out, by the ids that EC2 knows it by."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from .private_subnets import KINDS, NAMES, OWNERS, PrivateSubnetError, State, Wanted

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

# What EC2 says of a resource while another one, which is on its way out, still uses it.
IN_USE = frozenset({"DependencyViolation", "InvalidIPAddress.InUse"})


@dataclass
class Survey:
    """What there is, with the id of each resource."""

    client: EC2Client
    vpc_id: str
    wanted: Wanted
    timeout: float
    sleep: Callable[[float], None] = time.sleep
    state: State = field(default_factory=lambda: {kind: {} for kind in KINDS})
    ids: dict[str, dict[str, str]] = field(default_factory=lambda: {kind: {} for kind in KINDS})

    def places(self, kind: str, ids: Iterable[str]) -> list[str]:
        """Give the places of ids; one that is not ours stands for itself."""
        known = {identity: place for place, identity in self.ids[kind].items()}
        return sorted(known.get(identity, identity) for identity in ids)

    def ids_at(self, kind: str, places: Iterable[str]) -> set[str]:
        """Give the ids at places."""
        return {self.ids[kind].get(place, place) for place in places}

    def wait(self, what: str, condition: Callable[[], bool]) -> None:
        """Ask until a condition holds."""
        deadline = time.monotonic() + self.timeout
        while not condition():
            if time.monotonic() > deadline:
                raise PrivateSubnetError(
                    f"waited {self.timeout:.0f} s for {what}: run again to go on waiting"
                )
            self.sleep(2)

    def when_free(self, what: str, remove: Callable[[], Any]) -> None:
        """Remove something as soon as nothing uses it any more."""

        def removed() -> bool:
            try:
                remove()
            except ClientError as error:
                if error.response["Error"]["Code"] not in IN_USE:
                    raise
                return False
            return True

        self.wait(f"{what} to be free", removed)


class Kind:
    """One kind of resource of one environment in one VPC."""

    name = ""
    # As TagSpecifications call it.
    resource_type = ""
    id_key = ""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self.client = survey.client
        self.filters: list[Any] = [{"Name": "vpc-id", "Values": [survey.vpc_id]}]

    def find(self) -> None:
        """Put what there is into the survey."""
        wanted = self.survey.wanted
        prefix = wanted.name + NAMES[self.name]
        for found in self.listed():
            tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}
            ours = all(tags.get(key) == wanted.tags[key] for key in OWNERS)
            if ours and tags.get("Name", "").startswith(prefix):
                place = tags["Name"][len(prefix) :]
                self.survey.ids[self.name][place] = found[self.id_key]
                self.survey.state[self.name][place] = {**self.described(found), "tags": tags}

    def tag_specification(self, properties: Mapping[str, Any]) -> list[Any]:
        """Give the tags of something new."""
        tags = [{"Key": key, "Value": value} for key, value in sorted(properties["tags"].items())]
        return [{"ResourceType": self.resource_type, "Tags": tags}]

    def mend_tags(self, place: str, was: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
        """Add the tags that are missing."""
        added = sorted(set(properties["tags"].items()) - set(was["tags"].items()))
        if added:
            self.client.create_tags(
                Resources=[self.survey.ids[self.name][place]],
                Tags=[{"Key": key, "Value": value} for key, value in added],
            )

    def listed(self) -> Iterable[Mapping[str, Any]]:
        """Ask EC2 for all there are."""
        raise NotImplementedError

    def described(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Give the properties of one."""
        return {}

    def create(self, place: str, properties: Mapping[str, Any]) -> str:
        """Make one; give its id."""
        raise NotImplementedError

    def mend(self, place: str, was: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
        """Change what differs, tags excepted. ``was`` has no properties but tags when it was just made."""

    def settle(self, places: Collection[str]) -> None:
        """Wait until those made or mended serve."""

    def remove(self, places: Collection[str]) -> None:
        """Remove them, and wait until they are gone."""
        raise NotImplementedError
