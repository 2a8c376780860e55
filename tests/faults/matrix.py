"""Every fault that a release is put through, on each target, and what is seen then: docs/faults.md."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from tests.faults import produced
from tests.faults.world import REGISTRY, World

BEFORE, NEW = "the version before", "the new version"
NOTHING, SOME = "0", "those on their way to that host"
FREE, EXPIRES = "free", "expires"
#: What stops a release before it has begun is named by preflight, with all else that is wrong.
PREFLIGHT = "preflight"


@dataclass(frozen=True)
class Fault:
    """A fault, how it is produced, and what must be seen.

    :param cause: the class of the cause that the report names; empty where the release is good
    :param told: words of the report
    :param keys: what is wrong with the service in the release; None takes a key away
    :param others: services beside it
    :param given: what there is, or what is wrong, from before the run until after it
    :param at: how the name of the task begins at whose beginning, the first time or in another turn,
        `goes_wrong` begins and the run gets the signal
    :param returned: whether all that had moved could go back at once
    :param moved: whether the new version serves for a while before all goes back
    """

    name: str
    cause: str
    told: tuple[str, ...] = ()
    keys: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, Any] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    given: Callable[[World], AbstractContextManager[produced.Arguments]] = produced.nothing
    at: str = ""
    goes_wrong: Callable[[World], AbstractContextManager[produced.Arguments]] = produced.nothing
    turn: int = 1
    signal: int = 0
    moved: bool = False
    serving: tuple[str, ...] = (BEFORE,)
    returned: bool = True
    lost: str = NOTHING
    lock: str = FREE

    @property
    def cells(self) -> tuple[str, ...]:
        """Return what the table says of it."""
        named = f"`{self.cause}`" if self.cause not in ("", PREFLIGHT) else self.cause or "-"
        return self.name, named, " or ".join(self.serving), self.lost, self.lock, "good"


def script(text: str) -> dict[str, list[str]]:
    """Give a service's keys with another command than its image's."""
    return {"command": ["node", "-e", text]}


def gate(text: str) -> dict[str, Any]:
    """Give a service's keys with a task that stands before the release."""
    return {"tasks": [{"name": "migrate", **script(text), "before_release": True}]}


def killed(phase: str, at: str, cause: str, *serving: str, turn: int = 1) -> Fault:
    """Describe a run that gets SIGKILL when a task begins."""
    return Fault(
        f"Controller killed while it {phase}",
        cause,
        at=at,
        turn=turn,
        signal=signal.SIGKILL,
        serving=serving or (BEFORE,),
        lock=EXPIRES,
    )


def foreign(name: str) -> Fault:
    """Describe a release of an image for a processor that neither this machine nor the target has."""
    keys = {"build": None, "image": name}
    return Fault(
        "Image for another processor", PREFLIGHT, ("arm64",), keys, given=produced.foreign_image(name)
    )


NODE = {"image": "slipway-lab/node:24"}
EATS = script("const held = []; for (;;) held.push(Buffer.alloc(1 << 24, 1))")
TOKEN = {target: {"secrets": {"TOKEN": f"secretsmanager:faults-{target}/token"}} for target in ("ec2", "ecs")}

#: The same on both targets: they are wrong with the application.
OF_THE_APPLICATION = (
    Fault(
        "Program ends (`exit 1`)", "start_crash", ("exit code 1",), {"environment": {"EXIT_AT_START": "1"}}
    ),
    Fault("Memory over its limit", "out_of_memory", keys=EATS),
    Fault("Health check answers 500", "health_check", ("500",), {"environment": {"HEALTH_STATUS": "500"}}),
    Fault("Nothing listens on the port", "health_check", keys={"environment": {"PORT": "9000"}}),
    Fault(
        "Task before the release fails",
        "gate_failed",
        ("exit code 7", "no such table"),
        gate("console.error('no such table'); process.exit(7)"),
    ),
    Fault(
        "New version fails requests",
        "over_error_budget",
        ("HTTP 500",),
        {"environment": {"FAIL_EVERY": "3"}},
        arguments=("-e", "release_probe=true"),
        moved=True,
    ),
    Fault(
        "Image that is nowhere",
        PREFLIGHT,
        ("faults/nonesuch:1",),
        {"build": None, "image": f"{REGISTRY}/faults/nonesuch:1"},
    ),
    Fault(
        "Secret that is nowhere",
        PREFLIGHT,
        ("faults/nonesuch",),
        {"secrets": {"TOKEN": "secretsmanager:faults/nonesuch"}},
    ),
    Fault(
        "Image deleted from the registry in mid-run",
        "image_not_found",
        at="release : Begin the release",
        goes_wrong=produced.image_deleted,
    ),
    killed("builds", "images : Build, push and resolve the images", ""),
    killed("begins the release", "release : Validating arguments against arg spec 'main'", ""),
    killed("verifies", "verify : Wait until every route answers", "interrupted", NEW),
    killed("ends the release", "release : Validating arguments against arg spec 'ended'", "interrupted", NEW),
)

ON_ECS = (
    *OF_THE_APPLICATION,
    foreign("faults/foreign-ecs:1"),
    Fault(
        "Secret deleted in mid-run",
        "secret_missing",
        ("/token",),
        TOKEN["ecs"],
        given=produced.secret,
        at="release : Begin the release",
        goes_wrong=produced.secret_deleted,
    ),
    Fault(
        "Sidecar ends (`exit 3`)",
        "start_crash",
        ("container beside exited with code 3", "no licence"),
        {"sidecars": {"beside": {**NODE, **script("console.log('no licence'); process.exit(3)")}}},
    ),
    Fault(
        "Sidecar that the service waits for never becomes healthy",
        "dependency_unhealthy",
        ("container beside is UNHEALTHY, and web waits for it",),
        {
            "depends_on": ["beside"],
            "sidecars": {
                "beside": {
                    **NODE,
                    "command": ["sleep", "600"],
                    "health_check": {"command": ["false"], "retries": 1, "start_period": 0},
                    "stop_timeout": 2,
                }
            },
        },
    ),
    Fault(
        "Start takes longer than the time for it",
        "timeout",
        others={
            "side": {
                "health_check": {
                    "command": ["node", "-e", "process.exit(1)"],
                    "interval": 5,
                    "start_period": 300,
                }
            }
        },
        arguments=("-e", "ecs_services_timeout=20"),
    ),
    Fault(
        "Somebody else deploys meanwhile",
        "superseded",
        at="ecs_services : Watch every deployment to its true end",
        goes_wrong=produced.other_deployment,
    ),
    Fault(
        "AWS throttles a request in three",
        "",
        given=produced.throttled("AmazonEC2ContainerServiceV20141113.", every=3),
        serving=(NEW,),
    ),
    Fault(
        "AWS throttles all registrations of revisions",
        "throttled",
        given=produced.throttled("AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition"),
    ),
    Fault(
        "AWS answers updates of services with 503",
        "api_error",
        given=produced.unavailable("AmazonEC2ContainerServiceV20141113.UpdateService"),
    ),
    killed("updates services", "ecs_services : Update what differs", "interrupted", BEFORE, NEW),
    killed(
        "watches deployments",
        "ecs_services : Watch every deployment to its true end",
        "interrupted",
        BEFORE,
        NEW,
    ),
)

RELEASE_OF_A_HOST = "host_release : Release the application on this host"

ON_HOSTS = (
    *OF_THE_APPLICATION,
    foreign("faults/foreign-ec2:1"),
    Fault("Command that is not in the image", "start_refused", keys={"command": ["/not/there"]}),
    Fault(
        "No answer to the health check in time",
        "timeout",
        keys={"health_check": {"path": "/slow?ms=9000", "interval": 1, "timeout": 1, "start_period": 1}},
    ),
    Fault(
        "Secret deleted in mid-run",
        "secret_missing",
        ("/token",),
        TOKEN["ec2"],
        given=produced.secret,
        at="images : Build, push and resolve the images",
        goes_wrong=produced.secret_deleted,
    ),
    Fault(
        "What it depends on stops in mid-run",
        "dependency_unhealthy",
        ("It depends on store",),
        {
            "environment": {"HEALTH_STATUS": "500"},
            "health_check": {"path": "/health", "interval": 1, "timeout": 1, "start_period": 15},
            "depends_on": ["store"],
        },
        {"store": {}},
        given=produced.dependency,
        at=RELEASE_OF_A_HOST,
        goes_wrong=produced.dependency_stopped,
    ),
    Fault("Port held by another process", "port_in_use", ("python3",), given=produced.port_held),
    Fault("Second host not let into the registry", "pull_denied", given=produced.pull_denied, moved=True),
    Fault(
        "Registry stopped, as the second host sees it",
        "registry_unreachable",
        given=produced.registry_rejected,
        moved=True,
    ),
    Fault(
        "Docker Engine of the second host killed in mid-run",
        "docker_unavailable",
        at="release : Begin the release",
        goes_wrong=produced.engine_killed,
        moved=True,
        lost=SOME,
    ),
    Fault(
        "Second host powered off in mid-run",
        "host_unreachable",
        at="release : Begin the release",
        goes_wrong=produced.host_off,
        moved=True,
        returned=False,
        lost=SOME,
    ),
    Fault(
        "AWS throttles all requests for repositories",
        "throttled",
        given=produced.throttled("AmazonEC2ContainerRegistry_V20150921."),
    ),
    Fault(
        "AWS answers reads of secrets with 503",
        "api_error",
        ("ServiceUnavailableException",),
        keys=TOKEN["ec2"],
        given=produced.secret_unavailable,
    ),
    killed("releases the first host", RELEASE_OF_A_HOST, "interrupted", BEFORE, NEW),
    killed("releases the second host", RELEASE_OF_A_HOST, "interrupted", BEFORE, NEW, turn=2),
)

FAULTS = {"ec2": ON_HOSTS, "ecs": ON_ECS}

#: What ends a run at moments that nobody chose: 25 kills on both targets, and a Ctrl-C or two on each.
ENDINGS = {
    "ec2": (signal.SIGKILL,) * 13 + (signal.SIGINT,) * 2,
    "ecs": (signal.SIGKILL,) * 12 + (signal.SIGINT,) * 2,
}


def rows(faults: Iterable[Fault]) -> list[str]:
    """Return the lines of a target's table."""
    head = ("fault", "cause named", "serving afterwards", "requests lost", "lock", "next run")
    lines = [head, ("---",) * len(head), *(fault.cells for fault in faults)]
    return [f"| {' | '.join(cells)} |" for cells in lines]
