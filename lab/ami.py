"""The lab's AMI: the host image under the name by which inventories look for it."""

from typing import Any

import boto3

from lab.console import step
from lab.settings import AMI_NAME, HOST_IMAGE, Settings

# MiniStack takes any, and knows the account 000000000000 by it.
ANY_KEY = "test"


def ensure(settings: Settings) -> None:
    """Register the host image as an AMI unless it is."""
    if find(settings):
        return
    with step(f"AMI {AMI_NAME} from {HOST_IMAGE}"):
        _client(settings).register_image(
            Name=AMI_NAME,
            Description="Debian 12 of the Slipway lab",
            ImageLocation=HOST_IMAGE,
            Architecture="x86_64",
            VirtualizationType="hvm",
            RootDeviceName="/dev/xvda",
            EnaSupport=True,
        )


def find(settings: Settings) -> str:
    """The AMI's id, or nothing."""
    filters = [{"Name": "name", "Values": [AMI_NAME]}]
    images = _client(settings).describe_images(Owners=["self"], Filters=filters)["Images"]
    return str(images[0]["ImageId"]) if images else ""


def _client(settings: Settings) -> Any:
    session = boto3.Session(ANY_KEY, ANY_KEY, region_name=settings.region)
    return session.client("ec2", endpoint_url=settings.endpoint)
