"""What AWS says about an environment before anything is changed in it. Reads only, with short timeouts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

from .faults import Fault, locate
from .model_shape import suggestion
from .secret_store import ParameterStore, SecretsManager
from .secret_values import Stores, missing

#: Gives a client of a service.
Clients = Callable[[str], Any]
#: Asks AWS about an environment.
Check = Callable[[Mapping[str, Any], Mapping[str, str], Clients], Iterable[Fault]]

_KEY = "aws_connection"
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, ProfileNotFound)
_ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}


def clients(connection: Mapping[str, Any], timeout: int) -> Clients:
    """Give clients for a connection, a mapping of the settings that `aws_connection` has.

    There is one for each service, made at its first use: a session makes no two at once.
    """
    session = boto3.session.Session(
        profile_name=connection.get("profile"),
        region_name=connection.get("region"),
        aws_access_key_id=connection.get("access_key"),
        aws_secret_access_key=connection.get("secret_key"),
        aws_session_token=connection.get("session_token"),
    )
    config = Config(
        connect_timeout=timeout, read_timeout=timeout, retries={"total_max_attempts": 2, "mode": "standard"}
    )
    create: Any = session.client
    made: dict[str, Any] = {}
    one_at_a_time = Lock()

    def client(service: str) -> Any:
        with one_at_a_time:
            if service not in made:
                made[service] = create(service, endpoint_url=connection.get("endpoint_url"), config=config)
            return made[service]

    return client


def check(environment: Mapping[str, Any], origins: Mapping[str, str], timeout: int) -> list[Fault]:
    """Check the connection, and when it stands, what the environment names in AWS.

    All is asked at once. Where the connection does not stand, no other answer counts.
    """
    connection = environment["aws_connection"] or {}
    lookups = (check_secrets, check_database, check_machine_image, check_instance_type, check_cluster)

    def look(check: Check) -> list[Fault]:
        try:
            return list(check(environment, origins, client))
        except (BotoCoreError, ClientError) as error:
            return [_refused(check.__name__, error)]

    try:
        client = clients(connection, timeout)
        with ThreadPoolExecutor() as pool:
            known = pool.submit(lambda: client("sts").get_caller_identity())
            found = [pool.submit(look, check) for check in lookups]
            known.result()
    except (BotoCoreError, ClientError) as error:
        # Only now: the list of regions is as old as this botocore.
        unknown = unknown_region(connection, origins)
        if isinstance(error, HTTPClientError) and unknown:
            return [unknown]
        return [*([unknown] if unknown else []), connection_fault(error, connection, origins)]
    return [fault for each in found for fault in each.result()]


def connection_fault(error: Exception, connection: Mapping[str, Any], origins: Mapping[str, str]) -> Fault:
    """Say why AWS did not answer, or did not know us."""
    region = connection.get("region")
    if isinstance(error, _NO_CREDENTIALS):
        return Fault(
            locate(origins, _KEY),
            _KEY,
            f"no AWS credentials: {error}",
            "credentials of an identity that may deploy",
            "set aws_profile to a profile of ~/.aws/config, or log in (aws sso login), "
            "or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    if isinstance(error, ClientError):
        return Fault(
            locate(origins, _KEY),
            _KEY,
            f"AWS refuses the credentials: {error.response['Error'].get('Code')}: "
            f"{error.response['Error'].get('Message')}",
            "valid credentials of an identity that may deploy",
            "renew them (aws sso login), or correct profile or keys; check this machine's clock",
        )
    at = connection.get("endpoint_url") or f"region {region}"
    problem = f"{at} does not answer: {error}" if isinstance(error, HTTPClientError) else f"{at}: {error}"
    return Fault(
        locate(origins, f"{_KEY}.region"),
        f"{_KEY}.{'endpoint_url' if connection.get('endpoint_url') else 'region'}",
        problem,
        "a region whose endpoints answer this machine",
        "correct the region or endpoint, and check the network, proxy and firewall between"
        + ("; for the lab: make lab" if connection.get("endpoint_url") else ""),
    )


def check_secrets(environment: Mapping[str, Any], origins: Mapping[str, str], client: Clients) -> list[Fault]:
    """Name the secrets that do not exist; those declared to be made excepted."""
    stores = Stores(lambda: SecretsManager(client("secretsmanager")), lambda: ParameterStore(client("ssm")))
    found = missing(environment["references"], environment["secrets_generate"], stores)
    return [
        Fault(
            f"{locate(origins, fault.key.split(',')[0])} ({fault.where})",
            fault.key,
            fault.problem,
            fault.expected,
            fault.remedy,
        )
        for fault in found
    ]


def check_database(
    environment: Mapping[str, Any], origins: Mapping[str, str], client: Clients
) -> Iterator[Fault]:
    """See that the database is the one that has the environment's data."""
    database, name = environment["database"], environment["database_service_name"]
    own = name in (environment["app_services"] or {})
    if environment["deploy_target"] != "ecs" or environment["database_change"] or own or database == "none":
        return
    # It takes longer to load than what is asked of it, and most environments have no question for it.
    from .ecs_access_states import CLOSED, OPEN, STOPPED  # noqa: PLC0415
    from .ecs_service import Service  # noqa: PLC0415
    from .ecs_service_access import access  # noqa: PLC0415

    cluster = environment["cluster"]
    found = access(Service(client("ecs"), cluster, name, timeout=0).find())
    if database == "atlas" and found in (OPEN, CLOSED):
        yield Fault(
            locate(origins, "database"),
            "database",
            f"atlas, while the data are in the service {name} of the cluster {cluster}",
            "container, until they have been moved",
            "move them by playbooks/migrate_database.yml; or, to begin without them, "
            "give -e preflight_database_change=true",
        )
    if database == "container" and found == STOPPED:
        yield Fault(
            locate(origins, "database"),
            "database",
            f"container, while the service {name} of the cluster {cluster} is stopped, as a move to MongoDB "
            "Atlas leaves it: what was written since is not in it",
            "atlas, where the data are",
            "set database to atlas; or, to go back to the data of the move, "
            "give -e preflight_database_change=true",
        )


def check_machine_image(
    environment: Mapping[str, Any], origins: Mapping[str, str], client: Clients
) -> Iterator[Fault]:
    """See that the machine image exists."""
    machine = environment["machine_image"]
    if machine["id"]:
        asked: dict[str, Any] = {"Filters": [{"Name": "image-id", "Values": [machine["id"]]}]}
        key, text = "ec2_hosts_ami", machine["id"]
    elif machine["name"]:
        asked = {"Filters": [{"Name": "name", "Values": [machine["name"]]}], "Owners": machine["owners"]}
        key, text = "ec2_hosts_ami_name", f"{machine['name']} of {', '.join(machine['owners'])}"
    else:
        return
    if not client("ec2").describe_images(**asked)["Images"]:
        yield Fault(
            locate(origins, key),
            key,
            f"there is no machine image {text} in this region",
            "an AMI that this account may launch",
            "correct its name, id or owners, or copy it into the region",
        )


def check_instance_type(
    environment: Mapping[str, Any], origins: Mapping[str, str], client: Clients
) -> Iterator[Fault]:
    """See that the region has the instance type, and that images run on its processor."""
    wanted, key = environment["instance_type"], "ec2_hosts_instance_type"
    if not wanted:
        return
    try:
        types = client("ec2").describe_instance_types(InstanceTypes=[wanted])["InstanceTypes"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidInstanceType":
            raise
        types = []
    if not types:
        yield Fault(
            locate(origins, key),
            key,
            f"this region has no instance type {wanted}",
            "an instance type of the region",
            "correct it (aws ec2 describe-instance-types lists them), or choose another region",
        )
    for found in types:
        named = found.get("ProcessorInfo", {}).get("SupportedArchitectures", [])
        able = {_ARCHITECTURES.get(name, name) for name in named}
        if able and environment["architecture"] and environment["architecture"] not in able:
            yield Fault(
                locate(origins, key),
                key,
                f"{wanted} runs {', '.join(sorted(able))}, images are for {environment['architecture']}",
                "images and hosts of one architecture",
                "set images_platform to the hosts' (linux/arm64 or linux/amd64), or choose another type",
            )


def check_cluster(
    environment: Mapping[str, Any], origins: Mapping[str, str], client: Clients
) -> Iterator[Fault]:
    """See that the cluster is not on its way out: until it is gone, its name is taken."""
    name = environment["cluster"]
    if not name:
        return
    for found in client("ecs").describe_clusters(clusters=[name])["clusters"]:
        if found["status"] in {"DEPROVISIONING", "FAILED"}:
            yield Fault(
                locate(origins, "app_environment"),
                "app_environment",
                f"the cluster {name} is {found['status']}",
                "no cluster of that name, or one that is ACTIVE",
                f"wait until it is gone (aws ecs describe-clusters --clusters {name}), or delete it",
            )


def unknown_region(connection: Mapping[str, Any], origins: Mapping[str, str]) -> Fault | None:
    """Tell a misspelt region from one that does not answer."""
    region = connection.get("region")
    session = boto3.session.Session()
    known = [name for part in session.get_available_partitions() for name in _regions(session, part)]
    if region in known or (region and connection.get("endpoint_url")):
        return None
    meant = suggestion(str(region), known) if region else None
    return Fault(
        locate(origins, f"{_KEY}.region"),
        f"{_KEY}.region",
        f"{region!r} is no region of AWS" if region else "nothing: the key is missing",
        "a region such as eu-central-1",
        f"write {meant}" if meant else "set aws_region",
    )


def _regions(session: boto3.session.Session, partition: str) -> list[str]:
    return session.get_available_regions("ec2", partition_name=partition)


def _refused(what: str, error: Exception) -> Fault:
    looked = what.replace("check_", "").replace("_", " ")
    return Fault(
        "AWS",
        looked,
        f"the {looked} could not be looked up: {error}",
        "an identity that may read what it deploys",
        "allow the action that the message names",
    )
