#!/usr/bin/python
"""Make an EFS file system with mount targets and access points."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.efs import (
    AccessPoint,
    FileSystem,
    FileSystemError,
    FileSystems,
    converge,
    remove,
    unmount,
)

DOCUMENTATION = r"""
---
module: efs_file_system
short_description: Make an EFS file system with mount targets and access points
version_added: "0.2.0"
description:
  - Makes an encrypted file system, a mount target in each subnet named and an access point for each volume
    named, or mends what differs.
  - EFS allows one mount target in each zone, which all subnets of the zone reach. One that is there stays,
    whichever subnet it is in, because running tasks lose their files when it goes.
  - Removes no mount target, no access point and no tag of an existing file system. An access point is never
    replaced by another one, because that leads to other files.
options:
  name:
    description: Name of the file system, and the token by which it is found.
    type: str
    required: true
  throughput:
    description: The throughput mode.
    type: str
    choices: [elastic, bursting]
    default: elastic
  backup:
    description: Whether AWS Backup keeps daily copies for 35 days.
    type: bool
    default: true
  infrequent_after:
    description: Days after which files that nobody reads move to cheaper storage; 0 for never.
    type: int
    choices: [0, 1, 7, 14, 30, 60, 90, 180, 270, 365]
    default: 0
  subnets:
    description: Ids of the subnets that get a mount target, at most one in each zone.
    type: list
    elements: str
    default: []
  security_groups:
    description: Ids of the security groups of the mount targets.
    type: list
    elements: str
    default: []
  access_points:
    description: Access points by name.
    type: dict
    default: {}
    suboptions:
      path:
        description: The folder that the access point leads to; it is made at the first use.
        type: str
      uid:
        description: The user that owns the folder and that all access is of.
        type: int
      gid:
        description: Its group.
        type: int
  resource_tags:
    description: Tags of the file system and its access points.
    type: dict
    default: {}
  state:
    description: >-
      C(absent) removes the file system with all the files in it. C(unmounted) removes its mount targets, so
      that the network can be removed, and keeps the files.
    type: str
    choices: [present, unmounted, absent]
    default: present
  timeout:
    description: Seconds to wait for each part to become available.
    type: int
    default: 300
attributes:
  check_mode:
    support: full
    description: Says what would be made, mended or removed.
  diff_mode:
    support: full
    description: Shows the settings before and after.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Keep the database's files
  slipway.core.efs_file_system:
    region: eu-central-1
    name: goals-prod
    subnets: [subnet-1, subnet-2]
    security_groups: [sg-1]
    access_points:
      mongodb-data: {path: /mongodb/data, uid: 999, gid: 999}
"""

RETURN = r"""
id:
  description: Id of the file system; in check mode words in its place where there is none yet.
  returned: O(state=present)
  type: str
access_points:
  description: The ids of the access points by name; in check mode words in their place where there are none.
  returned: O(state=present)
  type: dict
"""


def main() -> None:
    """Run as a module."""
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "throughput": {"type": "str", "choices": ["elastic", "bursting"], "default": "elastic"},
            "backup": {"type": "bool", "default": True},
            "infrequent_after": {
                "type": "int",
                "choices": [0, 1, 7, 14, 30, 60, 90, 180, 270, 365],
                "default": 0,
            },
            "subnets": {"type": "list", "elements": "str", "default": []},
            "security_groups": {"type": "list", "elements": "str", "default": []},
            "access_points": {"type": "dict", "default": {}},
            "resource_tags": {"type": "dict", "default": {}},
            "state": {"type": "str", "choices": ["present", "unmounted", "absent"], "default": "present"},
            "timeout": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    params = module.params
    systems = FileSystems(module.client("efs"), timeout=params["timeout"])
    groups = tuple(sorted(params["security_groups"]))

    def zones(subnets: Collection[str]) -> Mapping[str, str]:
        found = module.client("ec2").describe_subnets(
            Filters=[{"Name": "subnet-id", "Values": sorted(subnets)}]
        )
        return {each["SubnetId"]: each["AvailabilityZone"] for each in found["Subnets"]}

    try:
        if params["state"] == "absent":
            result = remove(systems, params["name"], check_mode=module.check_mode)
        elif params["state"] == "unmounted":
            result = unmount(systems, params["name"], check_mode=module.check_mode)
        else:
            wanted = FileSystem(
                params["name"],
                params["throughput"],
                params["backup"],
                params["infrequent_after"],
                {
                    **{key: str(value) for key, value in params["resource_tags"].items()},
                    "Name": params["name"],
                },
                dict.fromkeys(params["subnets"], groups),
                {
                    name: AccessPoint(point["path"], int(point["uid"]), int(point["gid"]))
                    for name, point in params["access_points"].items()
                },
            )
            result = converge(systems, wanted, zones, check_mode=module.check_mode)
    except FileSystemError as error:
        module.fail_json(msg=str(error))
    except (ClientError, BotoCoreError) as error:
        module.fail_json_aws(
            error, msg=f"The EFS file system {params['name']} cannot be made {params['state']}"
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
