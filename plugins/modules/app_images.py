#!/usr/bin/python
"""Build, push and resolve the images of an application."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ..module_utils.faults import Fault, Faults, render
from ..module_utils.model_schema import BUILD
from ..module_utils.model_shape import read

try:
    from ..module_utils.app_images import Settings, carry_out, difference, plan
    from ..module_utils.image_engine import Engine
    from ..module_utils.own_engine import EngineError
except ImportError:
    MISSING = traceback.format_exc()
else:
    MISSING = ""

DOCUMENTATION = r"""
---
module: app_images
short_description: Have every service's image in the registry, by digest
version_added: "0.1.0"
description:
  - Names each built image after its content. The tag is the first 12 hexadecimal digits of a SHA-256 over the
    build context as Docker gets it (paths, modes and contents, less what C(.dockerignore) excludes), the
    Dockerfile's name, target, arguments, labels, platform and O(refresh).
  - Builds and pushes only what the registry does not have under that name, so a second run does nothing.
  - Builds everything before it pushes anything. A failed build leaves the registry as it was.
  - Copies images that are given by name into the registry too, when O(mirror) is set.
  - Runs on the controller and needs a Docker Engine there. It never writes a login to a disk.
requirements:
  - docker (Python package)
  - the C(docker) command, where something is built
options:
  images:
    description:
      - What each service wants, by the service's name.
      - Each value is a mapping with either C(build) (C(context), C(dockerfile), C(target), C(args)) or
        C(image).
      - The filter P(slipway.core.images_wanted#filter) makes it from the application model.
    type: dict
    required: true
  registry:
    description:
      - Registry, and if need be a prefix, in the name under which hosts pull.
      - For example C(123456789012.dkr.ecr.eu-central-1.amazonaws.com) or C(docker.io/example).
    type: str
    required: true
  registry_push:
    description: The same registry under the name by which this machine reaches it. By default O(registry).
    type: str
  repositories:
    description: The repository within the registry for each service.
    type: dict
    required: true
  registry_auth:
    description:
      - Logins by the registry's host, each a mapping of C(username) and C(password).
      - Without one for a registry, what C(docker login) has left on this machine is used.
    type: dict
    default: {}
  mirror:
    description: Copy images that are given by name into the registry, so that hosts need no other.
    type: bool
    default: false
  pull:
    description:
      - Ask the registries for newer base images when building and for newer images given by name, even
        where this machine has one of that name.
    type: bool
    default: false
  refresh:
    description: Any text; another one builds every image anew, for instance to take in newer base images.
    type: str
    default: ""
  platform:
    description: >-
      Platform to build for and to copy, such as C(linux/arm64). By default the Docker Engine's own.
    type: str
  project_dir:
    description: Folder that build contexts are relative to.
    type: path
    required: true
  labels:
    description: Labels of the images that are built.
    type: dict
    default: {}
  build_timeout:
    description: Seconds after which one build counts as failed.
    type: int
    default: 1800
attributes:
  check_mode:
    support: full
    description: >-
      Says what would be built and pushed. Images that do not exist yet are named by tag in place of a
      digest.
  diff_mode:
    support: full
    description: Shows which images the registry has and which it will have.
notes:
  - Build arguments are no place for secrets. Docker keeps them in the image's history. This module keeps
    their values out of its output and out of the process list.
author:
  - Slipway contributors (@slipway)
"""

EXAMPLES = r"""
- name: Have the application's images in the registry
  slipway.core.app_images:
    images:
      backend:
        build:
          context: backend
          target: production
      database:
        image: mongo:8.0
    registry: 123456789012.dkr.ecr.eu-central-1.amazonaws.com
    repositories:
      backend: goals/backend
      database: goals/database
    registry_auth: "{{ ecr.registry_auth }}"
    mirror: true
    project_dir: "{{ playbook_dir }}"
  register: app_images
"""

RETURN = r"""
images:
  description: Each service's image.
  returned: success
  type: dict
  contains:
    image:
      description: >-
        The name to run it by, with its digest. In check mode with its tag where it does not exist yet.
      type: str
    tag:
      description: The tag, empty for an image that was given by digest.
      type: str
    digest:
      description: The registry's digest. Empty in check mode where it does not exist yet.
      type: str
    built:
      description: Whether it was (or would be) built.
      type: bool
    pushed:
      description: Whether it was (or would be) pushed.
      type: bool
  sample:
    backend:
      image: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/goals/backend@sha256:9f86d0
      tag: 1f3870be274f
      digest: sha256:9f86d0
      built: true
      pushed: true
msg:
  description: Everything that is wrong, numbered.
  returned: failure
  type: str
"""

SPEC: dict[str, Any] = {
    "images": {"type": "dict", "required": True},
    "registry": {"type": "str", "required": True},
    "registry_push": {"type": "str"},
    "repositories": {"type": "dict", "required": True},
    "registry_auth": {"type": "dict", "default": {}, "no_log": True},
    "mirror": {"type": "bool", "default": False},
    "pull": {"type": "bool", "default": False},
    "refresh": {"type": "str", "default": ""},
    "platform": {"type": "str"},
    "project_dir": {"type": "path", "required": True},
    "labels": {"type": "dict", "default": {}},
    "build_timeout": {"type": "int", "default": 1800},
}


def wanted_images(images: dict[str, Any]) -> dict[str, Any]:
    """Fill in what the application model leaves to its defaults; raise Faults where it is wrong."""
    faults: list[Fault] = []

    def report(key: str, problem: str, expected: str, remedy: str) -> None:
        faults.append(Fault("images", key, problem, expected, remedy))

    filled = {
        service: {"build": read(wanted["build"], BUILD, f"{service}.build", report)}
        if wanted.get("build")
        else {"image": wanted.get("image")}
        for service, wanted in images.items()
    }
    if faults:
        raise Faults(faults)
    return filled


def without_arguments(images: dict[str, Any]) -> dict[str, Any]:
    """Give the images for the record of the call, in which Ansible shows every argument."""
    return {
        service: {**wanted, "build": {**wanted["build"], "args": sorted(wanted["build"]["args"])}}
        if wanted.get("build")
        else wanted
        for service, wanted in images.items()
    }


def run(module: AnsibleModule) -> dict[str, Any]:
    """Plan, and carry out unless in check mode."""
    images = wanted_images(module.params["images"])
    module.params["images"] = without_arguments(images)
    settings = Settings(
        project_dir=Path(module.params["project_dir"]),
        registry_push=module.params["registry_push"] or module.params["registry"],
        labels={name: str(value) for name, value in module.params["labels"].items()},
        **{
            name: module.params[name]
            for name in (
                "registry",
                "repositories",
                "mirror",
                "pull",
                "refresh",
                "platform",
                "build_timeout",
            )
        },
    )
    engine = Engine(module.params["registry_auth"])
    planned = plan(images, settings, engine)
    done = planned if module.check_mode else carry_out(planned, settings, engine)
    return {
        "changed": any(image.missing for image in planned),
        "images": {image.service: image.result(before.missing) for before, image in zip(planned, done)},
        "diff": difference(planned),
    }


def main() -> None:
    """Run as a module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    if MISSING:
        module.fail_json(msg=missing_required_lib("docker"), exception=MISSING)
    try:
        result = run(module)
    except Faults as found:
        module.fail_json(msg=f"The images cannot be made:\n{found}")
    except EngineError as error:
        fault = Fault(
            "controller",
            "docker",
            f"no Docker Engine answers: {error}",
            "a Docker Engine on the machine that runs Ansible",
            "start Docker, or name another Engine by DOCKER_HOST",
        )
        module.fail_json(msg=render([fault]))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
