"""The lab's AMIs: the images of hosts under the names by which inventories look for them."""

from typing import Any

import boto3

from lab.console import step
from lab.settings import AMIS, Settings

# MiniStack takes any, and knows the account 000000000000 by it.
ANY_KEY = "test"


def ensure(settings: Settings) -> None:
    """Register the images of hosts as AMIs unless they are."""
    present = find(settings)
    for name, image in AMIS.items():
        if name in present:
            continue
        with step(f"AMI {name} from {image}"):
            _client(settings).register_image(
                Name=name,
                Description="Debian 12 of the Slipway lab",
                ImageLocation=image,
                Architecture="x86_64",
                VirtualizationType="hvm",
                RootDeviceName="/dev/xvda",
                EnaSupport=True,
            )


def find(settings: Settings) -> dict[str, str]:
    """The ids of those of the AMIs that are registered, by name."""
    filters = [{"Name": "name", "Values": list(AMIS)}]
    images = _client(settings).describe_images(Owners=["self"], Filters=filters)["Images"]
    return {str(image["Name"]): str(image["ImageId"]) for image in images}


def _client(settings: Settings) -> Any:
    session = boto3.Session(ANY_KEY, ANY_KEY, region_name=settings.region)
    return session.client("ec2", endpoint_url=settings.endpoint)
