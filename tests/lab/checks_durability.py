"""What outlives the control plane's process: one check for each patch that keeps it."""

import hashlib
import time

import requests
from botocore.exceptions import ClientError

from tests.lab.cloud import Cloud

LAYER_BYTES = 2_000_000


def pushed_images_are_kept_on_disk(cloud: Cloud) -> None:
    name = cloud.name()
    cloud.ecr.create_repository(repositoryName=name)
    layer = bytes(LAYER_BYTES)
    digest = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    registry = f"{cloud.settings.endpoint}/v2/{name}/blobs"
    answer = requests.post(f"{registry}/uploads/?digest={digest}", data=layer, timeout=30)
    assert answer.status_code == 201
    cloud.control.restart()
    assert requests.get(f"{registry}/{digest}", timeout=30).content == layer
    written = (cloud.settings.state / "ecr.json").stat().st_size
    assert written < LAYER_BYTES, f"the layer is written again with every change ({written} bytes of state)"


def resources_outlive_a_crash(cloud: Cloud) -> None:
    vpc = cloud.ec2.create_vpc(CidrBlock="10.250.0.0/16")["Vpc"]["VpcId"]
    bucket = cloud.name()
    cloud.s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": cloud.settings.region}
    )
    written = cloud.s3.put_object(Bucket=bucket, Key="folder/key", Body=b"content")
    time.sleep(1)
    cloud.control.kill()
    try:
        assert cloud.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
        found = cloud.s3.get_object(Bucket=bucket, Key="folder/key")
    except ClientError as error:
        raise AssertionError(f"the VPC or the object is lost: {error}") from error
    assert (found["ETag"], found["Body"].read()) == (written["ETag"], b"content")
