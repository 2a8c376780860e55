"""The lab's AMI: the host image under the name by which inventories look for it."""

from typing import Any

import boto3

from lab.console import step
from lab.settings import AMI_NAME, HOST_IMAGE, Settings


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
    return boto3.client(
        "ec2",
        endpoint_url=settings.endpoint,
        region_name=settings.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
    )
