#!/usr/bin/python
"""Name every fault of an environment before the first change."""

from __future__ import annotations

import socket
import traceback
from functools import cache
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ..module_utils.faults import Fault, render

try:
    from ..module_utils import preflight_aws
    from ..module_utils.own_engine import UNIX, EngineError, OwnEngine, engine_host
    from ..module_utils.preflight import World, run
    from ..module_utils.preflight_hosts import ARCHITECTURES
except ImportError:
    MISSING = traceback.format_exc()
else:
    MISSING = ""

DOCUMENTATION = r"""
---
module: preflight
short_description: Name every fault of an environment before the first change
version_added: "0.1.0"
description:
  - Checks the application model, this machine, AWS and the hosts that exist, and names all faults at once.
  - Each fault says where it is (file and line where known), what was found, what was expected, what to do.
  - Changes nothing. Its action plugin reads the environment's variables and where they were written.
options:
  spec:
    description: Argument specs with entry points C(environment) and C(aws_environment) for the variables.
    type: path
    required: true
  project_dir:
    description: Folder that build contexts are relative to.
    type: path
    required: true
  hosts:
    description:
      - The names of the hosts that exist. The action plugin looks at all of them at once, by one program for
        the Python of each, in one connection and one process, and gives the module what it saw.
      - It needs root there, to name the process that holds a port.
    type: raw
    default: []
  ports:
    description: Ports of a host that the application needs. It is for the action plugin.
    type: list
    elements: int
    default: [80]
  configuration:
    description:
      - Name of a variable of each host, which is what M(slipway.core.host_reads) is told there. Whether its
        roles would find all as it was is then seen in the same breath. It is for the action plugin.
    type: str
    default: ""
  application:
    description:
      - Name of a variable of each host, which is the file in which M(slipway.core.host_release) has kept what
        it found. That is then looked at in the same breath. It is for the action plugin.
    type: str
    default: ""
  ssh:
    description: Whether hosts are reached by ssh.
    type: bool
    default: true
  machine_image:
    description: The hosts' machine image, as C(id), or C(name) and C(owners). Empty is not checked.
    type: dict
    default: {}
  instance_type:
    description: The hosts' instance type. Empty is not checked.
    type: str
    default: ""
  stack:
    description: The environment whose lock the run takes afterwards. It is for the action plugin.
    type: str
    default: ""
  provision:
    description:
      - What M(slipway.core.aws_reads) is told of the roles of provisioning, and how AWS is reached. They are
        then seen, meanwhile, to have nothing to do, or not. Empty asks nothing. It is for the action plugin.
    type: dict
    default: {}
  images:
    description:
      - Whether to see, meanwhile, if every image is in the registry, as the role P(slipway.core.images#role)
        would have it. It is for the action plugin.
    type: bool
    default: false
  platform:
    description: Platform that images are built for. Empty is this machine's Docker Engine's.
    type: str
    default: ""
  images_extra:
    description: Further images by name.
    type: dict
    default: {}
  images_ecr:
    description: Whether the registry of built and copied images is ECR.
    type: bool
    default: true
  images_mirror:
    description: Whether images that are named rather than built are copied to that registry.
    type: bool
    default: false
  network_private:
    description: The way out of tasks on ECS. By V(endpoints) they reach no registry but ECR.
    type: str
    default: none
  task_architecture:
    description: Architecture of tasks on ECS, as their runtime platform names it. Empty is not checked.
    type: str
    default: ""
  cluster:
    description: Name of the cluster on ECS. Empty is that of application and environment.
    type: str
    default: ""
  alarms_limits:
    description: Limits of alarms by their kind.
    type: dict
    default: {}
  alarms_notify:
    description: Whom alarms tell.
    type: list
    elements: raw
    default: []
  secrets_generate:
    description: Secrets that are made where they are missing.
    type: dict
    default: {}
  database_change:
    description: Whether another database than the one that has the environment's data may take its place.
    type: bool
    default: false
  disk_gib:
    description: GiB that a host needs free where Docker keeps images.
    type: float
    default: 2
  timeout:
    description: Seconds after which a question to AWS counts as unanswered.
    type: int
    default: 5
  environment_values:
    description: Values of the environment's variables. The action plugin fills this in.
    type: dict
    default: {}
  origins:
    description: By key path, file and line. The action plugin fills this in.
    type: dict
    default: {}
  defined:
    description: Variables of C(vault:) references that are defined. The action plugin fills this in.
    type: list
    elements: str
    default: []
  known_faults:
    description: Faults of the environment's variables. The action plugin fills this in.
    type: list
    elements: dict
    default: []
attributes:
  action:
    support: full
    description: Reads variables and their origins on the controller.
  check_mode:
    support: full
    description: It only reads.
  diff_mode:
    support: none
    description: It changes nothing.
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Name every fault
  slipway.core.preflight:
    spec: "{{ role_path }}/meta/argument_specs.yml"
    project_dir: "{{ app_project_dir }}"
    instance_type: t3.small
"""

RETURN = r"""
lease:
  description: >-
    The token of the lease that a run from here gave back last. Where it is that of the lease before this
    run's, what was seen holds yet.
  returned: success
  type: str
hosts:
  description:
    - Of each host C(architecture), as uname has it; C(disk_free), bytes where Docker keeps images; C(engine),
      whether one is C(installed) and C(answers), and its C(error); by port in C(ports), C(by) whom it is held
      and of which C(app).
    - C(configured), whether the roles of O(configuration) would change nothing; C(msg), what differs, or why
      nothing can be compared; and C(application), what there is of it, for M(slipway.core.host_releases).
  returned: success
  type: dict
provision:
  description: >-
    What M(slipway.core.aws_reads) found for O(provision). Empty where nothing was asked, or could be.
  returned: success
  type: dict
images:
  description: >-
    What M(slipway.core.app_images) returned as C(images) for O(images). Empty where one is missing, or
    that could not be seen.
  returned: success
  type: dict
msg:
  description: Everything that is wrong, numbered.
  returned: failure
  type: str
"""

SPEC: dict[str, Any] = {
    "spec": {"type": "path", "required": True},
    "project_dir": {"type": "path", "required": True},
    "hosts": {"type": "dict", "default": {}},
    "ssh": {"type": "bool", "default": True},
    "machine_image": {"type": "dict", "default": {}},
    "instance_type": {"type": "str", "default": ""},
    "platform": {"type": "str", "default": ""},
    "images_extra": {"type": "dict", "default": {}},
    "images_ecr": {"type": "bool", "default": True},
    "images_mirror": {"type": "bool", "default": False},
    "network_private": {"type": "str", "default": "none"},
    "task_architecture": {"type": "str", "default": ""},
    "cluster": {"type": "str", "default": ""},
    "alarms_limits": {"type": "dict", "default": {}},
    "alarms_notify": {"type": "list", "elements": "raw", "default": []},
    "secrets_generate": {"type": "dict", "default": {}},
    "database_change": {"type": "bool", "default": False},
    "disk_gib": {"type": "float", "default": 2},
    "timeout": {"type": "int", "default": 5},
    "environment_values": {"type": "dict", "default": {}},
    "origins": {"type": "dict", "default": {}},
    "defined": {"type": "list", "elements": "str", "default": []},
    "known_faults": {"type": "list", "elements": "dict", "default": []},
}
# Options that checks read as they are.
AS_GIVEN = (
    "alarms_limits",
    "alarms_notify",
    "database_change",
    "defined",
    "disk_gib",
    "hosts",
    "images_ecr",
    "images_extra",
    "images_mirror",
    "instance_type",
    "network_private",
    "secrets_generate",
    "ssh",
)
# What the ECS API calls an architecture, and what images do.
TASK_ARCHITECTURES = {"X86_64": "amd64", "ARM64": "arm64"}
_NO_MACHINE_IMAGE = {"id": "", "name": "", "owners": []}


@cache
def engine() -> Any:
    """Give the Docker Engine of this machine, asked once."""
    host, timeout = engine_host(), 20
    if host.startswith(UNIX):
        return OwnEngine(host[len(UNIX) :], timeout)
    # What is reached in another way is for docker-py, which needs the time to load.
    from ..module_utils.image_engine import Engine  # noqa: PLC0415

    return Engine({}, timeout)


def taken(port: int, stack: str) -> bool:
    """Tell whether something that is not ours listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", port)) != 0:
            return False
    try:
        return not engine().published().get(port, "").startswith(f"{stack}-")
    except EngineError:
        # The engine that does not answer is a fault of its own; none of our containers runs without it.
        return True


def architecture(platform: str) -> str:
    """Give the architecture that images are for, or nothing where it cannot be known."""
    if platform:
        return platform.partition("/")[2].partition("/")[0]
    try:
        own = str(engine().architecture())
    except EngineError:
        return ""
    return ARCHITECTURES.get(own, own)


def check(params: dict[str, Any]) -> list[Fault]:
    """Make every check."""
    values = params["environment_values"]
    stack = f"{values['app_name']}-{values['app_environment']}"
    environment = {
        **values,
        **{name: params[name] for name in AS_GIVEN},
        "cluster": (params["cluster"] or stack) if values["deploy_target"] == "ecs" else "",
        "task_architecture": TASK_ARCHITECTURES.get(params["task_architecture"], ""),
        "machine_image": {**_NO_MACHINE_IMAGE, **params["machine_image"]},
        "architecture": architecture(params["platform"]),
    }
    world = World(
        engine=engine,
        aws=lambda checked, origins: preflight_aws.check(checked, origins, params["timeout"]),
        taken=lambda port: taken(port, stack),
        project_dir=Path(params["project_dir"]),
    )
    return run(environment, params["origins"], world, [Fault(**fault) for fault in params["known_faults"]])


def main() -> None:
    """Run as a module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    if MISSING:
        module.fail_json(msg=missing_required_lib("docker, boto3"), exception=MISSING)
    faults = check(module.params)
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        module.fail_json(msg=f"{count}; nothing has been changed.\n{render(faults)}")
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
