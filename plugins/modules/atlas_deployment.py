#!/usr/bin/python
"""Make a MongoDB Atlas cluster for an application."""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.exceptions import BotoCoreError, ClientError

from ..module_utils.atlas_access import User, entries
from ..module_utils.atlas_api import URL, ApiKey, Atlas, AtlasError, Credentials, ServiceAccount
from ..module_utils.atlas_cluster import Cluster
from ..module_utils.atlas_deployment import Deployment, Patience, converge, remove
from ..module_utils.atlas_secret import ConnectionSecret

DOCUMENTATION = r"""
---
module: atlas_deployment
short_description: Make a MongoDB Atlas cluster for an application
version_added: "0.2.0"
description:
  - Makes a project, a cluster, entries of the project's IP access list and a database user, or mends what
    differs.
  - >-
    Waits until the cluster serves, and writes the connection string, with user and password, into a secret of
    AWS Secrets Manager. It is nowhere else, neither in the result nor in a diff or an error. The password is
    random; the secret is the only copy.
  - Leaves alone what others have set. These are tags, further entries of the access list, the tier of a
    cluster that Atlas scales by itself, and all other settings.
  - Uses the Atlas Administration API, version 2.
options:
  atlas_url:
    description: Where the Administration API is.
    type: str
    default: https://cloud.mongodb.com
  client_id:
    description: Id of a service account (OAuth 2.0).
    type: str
  client_secret:
    description: Secret of the service account.
    type: str
  public_key:
    description: Public key of a programmatic API key, in place of a service account.
    type: str
  private_key:
    description: Private key of the API key.
    type: str
  organization_id:
    description: Id of the organization in which the project is made. Not needed for a project that exists.
    type: str
    default: ""
  project:
    description: Name of the project.
    type: str
    required: true
  cluster:
    description: Name of the cluster, letters, digits and hyphens.
    type: str
    required: true
  tier:
    description: >-
      C(FLEX), or an instance size from C(M10) on for a dedicated cluster, a replica set of three nodes. A
      dedicated cluster is resized; between C(FLEX) and dedicated nothing is changed in place.
    type: str
    default: FLEX
  provider:
    description: Cloud provider. It cannot be changed later.
    type: str
    choices: [AWS, AZURE, GCP]
    default: AWS
  cluster_region:
    description: Region as Atlas writes it, such as C(EU_CENTRAL_1). It cannot be changed later.
    type: str
    required: true
  version:
    description: Major version of MongoDB of a dedicated cluster, such as C(8.0). By default Atlas's choice.
    type: str
  backup:
    description: Whether a dedicated cluster has cloud backups. By default it is left as it is.
    type: bool
  termination_protection:
    description: Whether Atlas refuses to delete the cluster.
    type: bool
    default: true
  cluster_tags:
    description: Tags of the cluster.
    type: dict
    default: {}
  access_list:
    description: >-
      Who may connect. Each is a CIDR, an address, the id of a security group in a peered VPC, or a mapping of
      C(cidr) and C(description).
    type: list
    elements: raw
    default: []
  access_list_exact:
    description: Whether entries that are not in O(access_list) are removed.
    type: bool
    default: false
  user:
    description: Name of the database user. It may use this cluster alone.
    type: str
    required: true
  user_roles:
    description: What the user may do. By default C(readWrite) in O(database).
    type: list
    elements: dict
    options:
      role:
        description: A role of MongoDB, such as C(readWrite).
        type: str
        required: true
      database:
        description: The database in which it has the role.
        type: str
        required: true
  database:
    description: The database that the connection string names.
    type: str
    required: true
  secret:
    description: >-
      Name of the secret of Secrets Manager that the connection string is written to. One that exists and was
      not written for this cluster is never overwritten.
    type: str
    required: true
  secret_tags:
    description: Tags of the secret, where it is made.
    type: dict
    default: {}
  reset_password:
    description: Whether a user that exists, whose password the secret does not hold, is given a new one.
    type: bool
    default: false
  state:
    description: >-
      C(present) makes or mends. C(absent) removes the cluster B(with all data in it), the user, and the
      entries of O(access_list); the project and the secret stay.
    type: str
    choices: [present, absent]
    default: present
  timeout:
    description: Seconds to wait until the cluster serves, or is gone.
    type: int
    default: 1800
  poll_interval:
    description: Seconds between two looks at the cluster.
    type: float
    default: 10
attributes:
  check_mode:
    support: full
    description: Only reads, and says what would be made or mended.
  diff_mode:
    support: full
    description: Shows everything but the connection string before and after.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Make the database
  slipway.core.atlas_deployment:
    region: eu-central-1
    client_id: "{{ atlas_client_id }}"
    client_secret: "{{ atlas_client_secret }}"
    organization_id: 5f9f1b9e8c3d4e0012345678
    project: goals-prod
    cluster: goals-prod
    tier: M10
    cluster_region: EU_CENTRAL_1
    access_list:
      - cidr: 203.0.113.7/32
        description: NAT gateway
    user: goals
    database: goals
    secret: goals/prod/mongodb
"""

RETURN = r"""
project_id:
  description: Id of the project; empty in check mode where there is none yet.
  returned: success
  type: str
secret:
  description: Name of the secret that holds the connection string.
  returned: success
  type: str
"""


def main() -> None:
    """Run as a module."""
    module = AnsibleAWSModule(
        argument_spec={
            "atlas_url": {"type": "str", "default": URL},
            "client_id": {"type": "str"},
            "client_secret": {"type": "str", "no_log": True},
            "public_key": {"type": "str", "no_log": False},
            "private_key": {"type": "str", "no_log": True},
            "organization_id": {"type": "str", "default": ""},
            "project": {"type": "str", "required": True},
            "cluster": {"type": "str", "required": True},
            "tier": {"type": "str", "default": "FLEX"},
            "provider": {"type": "str", "choices": ["AWS", "AZURE", "GCP"], "default": "AWS"},
            "cluster_region": {"type": "str", "required": True},
            "version": {"type": "str"},
            "backup": {"type": "bool"},
            "termination_protection": {"type": "bool", "default": True},
            "cluster_tags": {"type": "dict", "default": {}},
            "access_list": {"type": "list", "elements": "raw", "default": []},
            "access_list_exact": {"type": "bool", "default": False},
            "user": {"type": "str", "required": True},
            "user_roles": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "role": {"type": "str", "required": True},
                    "database": {"type": "str", "required": True},
                },
            },
            "database": {"type": "str", "required": True},
            # Their names sound secret; they are a name, tags and a decision.
            "secret": {"type": "str", "required": True, "no_log": False},
            "secret_tags": {"type": "dict", "default": {}, "no_log": False},
            "reset_password": {"type": "bool", "default": False, "no_log": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "timeout": {"type": "int", "default": 1800},
            "poll_interval": {"type": "float", "default": 10},
        },
        required_together=[("client_id", "client_secret"), ("public_key", "private_key")],
        required_one_of=[("client_id", "public_key")],
        mutually_exclusive=[("client_id", "public_key")],
        supports_check_mode=True,
    )
    params = module.params
    make = converge if params["state"] == "present" else remove
    try:
        result = make(
            Atlas(_credentials(params), params["atlas_url"]),
            ConnectionSecret(module.client("secretsmanager"), params["secret"]),
            _wanted(params),
            Patience(params["timeout"], params["poll_interval"]),
            check_mode=module.check_mode,
        )
    except AtlasError as error:
        module.fail_json(msg=str(error), error_code=error.code)
    except (ClientError, BotoCoreError) as error:
        module.fail_json_aws(error, msg=f"The secret {params['secret']} cannot be read or written")
    module.exit_json(secret=params["secret"], **result)


def _credentials(params: dict[str, Any]) -> Credentials:
    if params["client_id"]:
        return ServiceAccount(params["client_id"], params["client_secret"])
    return ApiKey(params["public_key"], params["private_key"])


def _wanted(params: dict[str, Any]) -> Deployment:
    roles = params["user_roles"] or [{"role": "readWrite", "database": params["database"]}]
    return Deployment(
        organization_id=params["organization_id"],
        project=params["project"],
        cluster=Cluster(
            params["cluster"],
            params["tier"],
            params["provider"],
            params["cluster_region"],
            params["termination_protection"],
            _texts(params["cluster_tags"]),
            params["backup"],
            params["version"],
        ),
        access_list=entries(params["access_list"]),
        access_list_exact=params["access_list_exact"],
        user=User(
            params["user"],
            frozenset((role["role"], role["database"]) for role in roles),
            params["cluster"],
        ),
        database=params["database"],
        secret_tags=_texts(params["secret_tags"]),
        reset_password=params["reset_password"],
    )


def _texts(tags: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in tags.items()}


if __name__ == "__main__":
    main()
