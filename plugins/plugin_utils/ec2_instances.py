"""A program that prints the running instances with certain tags, as JSON: see inventory/ec2_hosts.py."""

import json
import sys
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError


def found(question: dict[str, Any]) -> list[dict[str, str]]:
    """Ask AWS for the instances.

    Raises:
        BotoCoreError, ClientError: they cannot be had.
    """
    session = boto3.Session(
        aws_access_key_id=question["access_key"],
        aws_secret_access_key=question["secret_key"],
        profile_name=question["profile"],
        region_name=question["region"],
    )
    ec2 = session.client("ec2", endpoint_url=question["endpoint_url"])
    wanted = {"instance-state-name": "running"}
    wanted |= {f"tag:{name}": value for name, value in question["tags"].items()}
    pages = ec2.get_paginator("describe_instances").paginate(
        Filters=[{"Name": name, "Values": [value]} for name, value in wanted.items()]
    )
    return [
        {
            "id": instance["InstanceId"],
            "name": {tag["Key"]: tag["Value"] for tag in instance["Tags"]}.get("Name", ""),
            "public": instance.get("PublicIpAddress", ""),
            "private": instance.get("PrivateIpAddress", ""),
        }
        for page in pages
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
    ]


def main(question: str) -> None:
    """Print them, or why they cannot be had."""
    try:
        json.dump(found(json.loads(question)), sys.stdout)
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"The hosts of the environment cannot be found on AWS: {error}")
