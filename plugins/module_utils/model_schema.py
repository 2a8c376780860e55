"""The keys of a service in `app_services`, as data: type, bounds, default and the words for an error.

roles/preflight/meta/argument_specs.yml describes the same keys for people; tests/unit/test_model_docs.py
holds both together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any


@dataclass(frozen=True)
class Option:
    """What one value may be.

    `type` is one of str, int, bool, scalar (a str, int or bool that is used as text), list (of `element`),
    map (free names to `element`) and record (the named `options`).
    """

    type: str
    expected: str
    default: Any = None
    required: bool = False
    pattern: re.Pattern[str] | None = None
    low: int = 0
    high: int = 2**31 - 1
    choices: frozenset[str] = frozenset()
    element: Option | None = None
    names: Option | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    # Groups of keys of a record: one group for "exactly one of these".
    one_of: tuple[tuple[str, ...], ...] = ()
    # What to do about keys that other records have and this one cannot.
    foreign: Mapping[str, str] = field(default_factory=dict)
    # The value itself may be a secret, so no error shows it.
    hidden: bool = False
    remedy: str = ""


def _text(expected: str, pattern: str, **more: Any) -> Option:
    return Option("str", expected, pattern=re.compile(pattern), **more)


def _whole(expected: str, low: int, high: int, **more: Any) -> Option:
    return Option("int", f"{expected}, a whole number from {low} to {high}", low=low, high=high, **more)


# ECR allows no doubled separator in a repository's name, DNS no hyphen at its end.
_NAME = r"(?=.{1,32}$)(?!(?:localhost|proxy)$)[a-z][a-z0-9]*(-[a-z0-9]+)*"
_NAME_TEXT = (
    "a name of 1 to 32 characters: lower case letters and digits in groups joined by single hyphens, "
    "beginning with a letter; not localhost, and not proxy, which is Slipway's own"
)
_ROOT = PurePosixPath("/")
_PATH = r"/[^\s]*"
_REFERENCE = r"[a-zA-Z0-9]([a-zA-Z0-9._:/-]*[a-zA-Z0-9])?(:[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64})"

SERVICE_NAME = _text(
    _NAME_TEXT,
    _NAME,
    remedy="rename the service; its name becomes a host name, a repository and part of AWS resource names",
)
SIDECAR_NAME = _text(
    _NAME_TEXT, _NAME, remedy="rename the sidecar; its name becomes a container's and part of a repository's"
)
APP_NAME = _text(
    "a name of 1 to 21 characters: lower case letters and digits in groups joined by single hyphens, "
    "beginning with a letter, and not internal, which AWS keeps for itself",
    r"(?=.{1,21}$)(?!internal$|internal-)[a-z][a-z0-9]*(-[a-z0-9]+)*",
    remedy="rename the application; its name becomes part of the names of AWS resources and images",
)
ENVIRONMENT_NAME = _text(
    "a name of 1 to 16 characters: lower case letters and digits in groups joined by single hyphens, "
    "beginning with a letter",
    r"(?=.{1,16}$)[a-z][a-z0-9]*(-[a-z0-9]+)*",
    remedy="rename the environment; its name becomes part of the names of AWS resources",
)
_VARIABLE = _text(
    "an environment variable's name: letters, digits and underscores, not beginning with a digit",
    r"[A-Za-z_][A-Za-z0-9_]*",
    remedy="rename the variable",
)
_ABSOLUTE = _text(
    "an absolute path inside the container", _PATH, required=True, remedy="begin the path with a slash"
)
_ENVIRONMENT = Option(
    "map",
    "a mapping of environment variable names to text, whole numbers or true/false",
    default={},
    names=_VARIABLE,
    element=Option(
        "scalar", "text, a whole number or true/false", remedy="put the value in quotes to pass it as text"
    ),
)
_COMMAND = Option(
    "list",
    'a list: the program and its arguments, such as ["node", "server.js"]',
    element=Option("scalar", "text or a whole number", remedy="put the argument in quotes"),
    low=1,
    remedy="write each argument as an item of its own; no shell splits the command",
)
_IMAGE = _text(
    'an image with a tag or digest, such as "mongo:8.0"',
    _REFERENCE,
    remedy="add the tag (`:latest` if that is what you mean); the release pins whatever it resolves to",
)
_TARGET = _text("the name of a stage in the Dockerfile", r"[A-Za-z0-9][A-Za-z0-9._-]*")

SECRET = _text(
    "secretsmanager:<name>, secretsmanager:<name>#<key of its JSON>, ssm:<name> or vault:<Ansible variable>",
    r"(secretsmanager:[A-Za-z0-9/_+=.@:-]{1,512}(#[^#\s]+)?|ssm:[A-Za-z0-9/_.:-]{1,1011}|vault:[A-Za-z_]\w*)",
    hidden=True,
    remedy="name where the value is kept; if you wrote the value itself, move it to Secrets Manager, "
    "Parameter Store or a vaulted variable, and change it: it has been in the inventory in clear",
)

CAPABILITIES = frozenset(
    [
        "AUDIT_CONTROL",
        "AUDIT_READ",
        "AUDIT_WRITE",
        "BLOCK_SUSPEND",
        "BPF",
        "CHECKPOINT_RESTORE",
        "CHOWN",
        "DAC_OVERRIDE",
        "DAC_READ_SEARCH",
        "FOWNER",
        "FSETID",
        "IPC_LOCK",
        "IPC_OWNER",
        "KILL",
        "LEASE",
        "LINUX_IMMUTABLE",
        "MAC_ADMIN",
        "MAC_OVERRIDE",
        "MKNOD",
        "NET_ADMIN",
        "NET_BIND_SERVICE",
        "NET_BROADCAST",
        "NET_RAW",
        "PERFMON",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYSLOG",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_CHROOT",
        "SYS_MODULE",
        "SYS_NICE",
        "SYS_PACCT",
        "SYS_PTRACE",
        "SYS_RAWIO",
        "SYS_RESOURCE",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "WAKE_ALARM",
    ]
)

BUILD = Option(
    "record",
    "a mapping with context, and if need be dockerfile, target and args",
    options={
        "context": _text(
            "a folder, relative to the project's root",
            r"(?!/).+",
            required=True,
            remedy="name the folder that holds the Dockerfile, relative to the project's root",
        ),
        "dockerfile": _text("a file inside the context", r"(?!/).+", default="Dockerfile"),
        "target": _TARGET,
        "args": Option(
            "map",
            "a mapping of build argument names to text, whole numbers or true/false",
            default={},
            names=_VARIABLE,
            element=Option(
                "scalar", "text, a whole number or true/false", remedy="put the value in quotes", hidden=True
            ),
        ),
    },
)

ROUTE = Option(
    "record",
    "a mapping with paths and priority, and if need be host and verify",
    options={
        "paths": Option(
            "list",
            'a list of path patterns, such as ["/api/*"]',
            required=True,
            low=1,
            element=_text(
                "a path of at most 128 characters that begins with / and may end in *, its only wildcard",
                r"(?=.{1,128}$)/[A-Za-z0-9_.$/~\"'@:+&-]*\*?",
                remedy="write the exact path, or its beginning followed by *",
            ),
        ),
        "host": _text("a host name, such as api.example.com", r"(?=.{1,128}$)[a-z0-9-]+(\.[a-z0-9-]+)*"),
        "priority": _whole("the rule's place, lowest first", 1, 50000, required=True),
        "verify": _text("the path that shows that the service answers", _PATH),
    },
)

HEALTH_CHECK = Option(
    "record",
    "a mapping with either path or command",
    one_of=(("path", "command"),),
    options={
        "path": _text("a path that begins with /", _PATH),
        "command": _COMMAND,
        "interval": _whole("seconds between two checks", 1, 300, default=5),
        "timeout": _whole("seconds before a check counts as failed", 1, 120, default=2),
        "retries": _whole("failed checks in a row that make it unhealthy", 1, 10, default=3),
        "start_period": _whole("seconds in which failures do not count", 0, 3600, default=30),
    },
)

_LEAST = 0
_MOST = 5000
_CRON = r"cron\((\S+ ){5}\S+\)|rate\([1-9]\d* (minute|hour|day)s?\)"
_CRON_REMEDY = "AWS's cron has six fields, of which day of month or day of week is ?: cron(0 22 * * ? *)"
_TIMEZONE = _text(
    "a time zone of the IANA database, such as Europe/Berlin",
    r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*",
    default="UTC",
)
SCHEDULE = Option(
    "record",
    "a mapping with name, expression, and min, max or both",
    options={
        "name": _text(
            "a name of letters, digits, hyphens and underscores", r"[A-Za-z0-9_-]{1,64}", required=True
        ),
        "expression": _text(
            "cron(<six fields>), rate(<number> <minutes, hours or days>) or at(<yyyy-mm-ddThh:mm:ss>)",
            _CRON + r"|at\(\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\)",
            required=True,
            remedy=_CRON_REMEDY,
        ),
        "timezone": _TIMEZONE,
        "min": _whole("tasks at the least from then on", _LEAST, _MOST),
        "max": _whole("tasks at the most from then on", _LEAST, _MOST),
    },
)

SCALE = Option(
    "record",
    "a mapping with min, max, and what to scale by: cpu, memory, requests, schedules",
    options={
        "min": _whole("tasks at the least", _LEAST, _MOST, required=True),
        "max": _whole("tasks at the most", _LEAST, _MOST, required=True),
        "cpu": _whole("percent of its cpu that a task shall use on average", 1, 100),
        "memory": _whole("percent of its memory that a task shall use on average", 1, 100),
        "requests": _whole("requests to a task in a minute", 1, 10**6),
        "scale_in_cooldown": _whole("seconds between two removals of tasks", 0, 86400, default=300),
        "scale_out_cooldown": _whole("seconds between two additions of tasks", 0, 86400, default=300),
        "schedules": Option(
            "list", "a list of mappings with name, expression, min and max", default=[], element=SCHEDULE
        ),
    },
)

SCHEDULED_TASK = Option(
    "record",
    "a mapping with name, command and expression",
    options={
        "name": _text(
            "a name of 1 to 31 letters, digits, hyphens and underscores",
            r"[A-Za-z0-9_-]{1,31}",
            required=True,
        ),
        "command": replace(_COMMAND, required=True),
        "expression": _text(
            "cron(<six fields>) or rate(<number> <minutes, hours or days>)",
            _CRON,
            required=True,
            remedy=_CRON_REMEDY,
        ),
        "timezone": _TIMEZONE,
    },
)

TASK = Option(
    "record",
    "a mapping with name and command",
    options={
        "name": _text(
            "a name of 1 to 31 letters, digits, hyphens and underscores",
            r"[A-Za-z0-9_-]{1,31}",
            required=True,
        ),
        "command": replace(_COMMAND, required=True),
        "before_release": Option("bool", "true or false", default=False),
        "timeout": _whole("seconds that it may take", 1, 86400, default=600),
    },
)

VOLUME = Option(
    "record",
    "a mapping with name and path",
    one_of=(("name", "source"),),
    options={
        "name": _text(
            "a volume's name: letters, digits, dots, hyphens and underscores, not a path",
            r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}",
            remedy="give the volume a plain name; Docker keeps it on the host's disk",
        ),
        "source": _text("an absolute path on the host", _PATH, remedy="begin the path with a slash"),
        "path": _ABSOLUTE,
    },
)

MOUNT = Option(
    "record",
    "a mapping with source and path",
    options={
        "source": _text("a file or folder, relative to the project's root", r".+", required=True),
        "path": _ABSOLUTE,
    },
)

DEV = Option(
    "record",
    "a mapping with any of image, target, command, mounts, environment and port",
    default={},
    options={
        "image": _IMAGE,
        "target": _TARGET,
        "command": _COMMAND,
        "mounts": Option("list", "a list of mappings with source and path", default=[], element=MOUNT),
        "environment": _ENVIRONMENT,
        "port": _whole("the port on 127.0.0.1", 1, 65535),
    },
)

#: What a container is, a service's own or a sidecar's.
_PROCESS: Mapping[str, Option] = {
    "build": BUILD,
    "image": _IMAGE,
    "port": _whole("the port that the container listens on", 1, 65535),
    "environment": _ENVIRONMENT,
    "secrets": Option(
        "map",
        "a mapping of environment variable names to places of secrets",
        default={},
        names=_VARIABLE,
        element=SECRET,
    ),
    "command": _COMMAND,
    "user": _text(
        'a user, and if need be a group, in quotes: "1000:1000"',
        r"[a-z0-9_][a-z0-9_-]*(:[a-z0-9_][a-z0-9_-]*)?",
        remedy="put it in quotes: YAML reads an unquoted 10:10 as the number 610",
    ),
    "read_only": Option("bool", "true or false", default=True),
    "tmpfs": Option(
        "list",
        "a list of absolute paths inside the container",
        default=[str(_ROOT / "tmp")],
        element=_ABSOLUTE,
    ),
    "stop_timeout": _whole("seconds between SIGTERM and SIGKILL", 1, 3600, default=30),
}

SIDECAR = Option(
    "record",
    "a mapping that describes one sidecar",
    one_of=(("build", "image"),),
    foreign={
        "route": "remove it: requests come to the service; let the proxy be the service, and what it "
        "passes them on to its sidecar",
    },
    options={
        **_PROCESS,
        "health_check": Option(
            "record",
            "a mapping with command",
            options={
                **{name: option for name, option in HEALTH_CHECK.options.items() if name != "path"},
                "command": replace(_COMMAND, required=True),
            },
            foreign={
                "path": "write a command of the image that asks this path: ECS asks no sidecar over HTTP"
            },
        ),
        "cpu": _whole("CPU units of the task's that it can count on", 10, 196608),
        "memory": _whole("MiB of the task's memory that it may take", 6, 1048576),
        "volumes": Option(
            "list",
            "a list of mappings with name and path",
            default=[],
            element=Option(
                "record",
                "a mapping with name and path",
                options={
                    "name": Option("str", "the name of a volume of the service", required=True),
                    "path": _ABSOLUTE,
                },
            ),
        ),
        "depends_on": Option(
            "list",
            "a list of names of sidecars of the same service",
            default=[],
            element=Option("str", "the name of a sidecar", remedy="name a sidecar of the same service"),
        ),
        "essential": Option("bool", "true or false", default=True),
        "once": Option("bool", "true or false", default=False),
    },
)

SERVICE = Option(
    "record",
    "a mapping that describes one service",
    one_of=(("build", "image"),),
    options={
        **_PROCESS,
        "route": ROUTE,
        "health_check": HEALTH_CHECK,
        "cpu": _whole("CPU units, 1024 to a virtual CPU", 10, 196608, default=256),
        "memory": _whole("MiB of memory", 6, 1048576, default=512),
        "replicas": _whole("how many containers", 1, 100, default=1),
        "scale": SCALE,
        "tasks": Option(
            "list",
            "a list of mappings with name and command",
            default=[],
            element=TASK,
        ),
        "scheduled_tasks": Option(
            "list",
            "a list of mappings with name, command and expression",
            default=[],
            element=SCHEDULED_TASK,
        ),
        "depends_on": Option(
            "list",
            "a list of names of services and of its own sidecars",
            default=[],
            element=Option("str", "the name of a service", remedy="name a service of app_services"),
        ),
        "sidecars": Option(
            "map", "a mapping of names to sidecars", default={}, names=SIDECAR_NAME, element=SIDECAR
        ),
        "volumes": Option("list", "a list of mappings with name and path", default=[], element=VOLUME),
        "capabilities": Option(
            "list",
            "a list of Linux capabilities",
            default=[],
            element=Option(
                "str",
                "a Linux capability without its CAP_ prefix, such as NET_BIND_SERVICE",
                choices=CAPABILITIES,
                remedy="use the name of capabilities(7), without CAP_",
            ),
        ),
        "dev": DEV,
    },
)
