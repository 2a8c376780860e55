"""AMIs as EC2 shows and boots them."""

import copy
import re
from collections.abc import Callable
from typing import Any

from ministack.services import ec2

from lab.conformance.around import Parameters, Record, Response, around
from lab.settings import Settings


def images_have_a_creation_date(_settings: Settings) -> None:
    """DescribeImages gives every image's creation date, by which playbooks find the newest."""

    @around(ec2, "_describe_images")
    def dated(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        status, headers, body = original(p)

        def with_date(found: re.Match[str]) -> str:
            image = ec2._registered_image(found[1]) or {}
            date = image.get("CreationDate", "2023-10-01T00:00:00.000Z")
            return f"{found[0]}<creationDate>{date}</creationDate>"

        return status, headers, re.sub(r"<imageId>([^<]+)</imageId>", with_date, body.decode()).encode()


def registered_images_are_ebs_backed(_settings: Settings) -> None:
    """An image registered with a root volume is EBS-backed: its instances have one and can be stopped."""

    @around(ec2, "_register_image")
    def ebs_backed(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        answer = original(p)
        for image in ec2._images.values():
            if answer[0] == 200 and image["Name"] == ec2._p(p, "Name"):
                image["RootDeviceType"] = "ebs"
        return answer

    @around(ec2, "_launch_instances_internal")
    def remembering_volumes(original: Callable[..., list[Record]], *args: Any, **named: Any) -> list[Record]:
        created = original(*args, **named)
        for instance in created:
            names = [mapping["Ebs"]["VolumeId"] for mapping in instance["BlockDeviceMappings"]]
            volumes = {name: ec2._volumes[name] for name in names}
            instance["_ebs"] = copy.deepcopy((instance["BlockDeviceMappings"], volumes))
        return created

    @around(ec2, "_vm_launch")
    def with_its_volumes(original: Callable[[Record, str], Any], instance: Record, image: str) -> Any:
        # MiniStack has just made it instance-store backed: it knows that a container has no disk of its own.
        instance["BlockDeviceMappings"], volumes = instance.pop("_ebs")
        instance["RootDeviceType"] = "ebs"
        for name, volume in volumes.items():
            ec2._volumes[name] = volume
        return original(instance, image)
