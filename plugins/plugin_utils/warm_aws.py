"""What the warm server imports once, at its start: all that modules of AWS import at every one of theirs."""

import _imp
import contextlib
import functools
import gc
import hashlib
import importlib
import importlib.util
import json
import marshal
import os
import socket
import sys
import zipimport
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from datetime import datetime
from pathlib import Path
from types import CodeType
from typing import Any

import boto3
import botocore.client
import botocore.exceptions
import botocore.hooks
import botocore.loaders
import botocore.session

from ..module_utils import kept
from .botocore_files import KeptFiles

#: Which services nearly every run talks to. Models of others are read when a module asks for them.
SERVICES = ("ec2", "ecr", "ecs", "elbv2", "iam", "logs", "s3", "sts")
#: The variable of a module's environment that names a file for what it asks of AWS.
READS = "SLIPWAY_READS"
#: What modules import: of Ansible, which is in their archives too, and beside these.
OF_ANSIBLE = ("ansible.module_utils._internal._ansiballz._loader", "ansible.module_utils.basic")
PACKAGES = ("packaging.version", "docker", "docker.errors")
#: How the names of operations begin that change nothing, and which of these tell a secret.
READING = ("BatchGet", "Describe", "Get", "Head", "List", "Lookup", "Search", "Simulate")
SECRET = (
    "BatchGetSecretValue",
    "GetAuthorizationToken",
    "GetParameter",
    "GetParameters",
    "GetParametersByPath",
    "GetSecretValue",
)
#: By these botocore finds out as whom to ask, for a profile with a role or a single sign-on. No role does.
CREDENTIALS = (
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "CreateToken",
    "GetRoleCredentials",
)
#: What answers tell that changes by itself, and that no role looks at.
PASSING = {
    "DescribeAlarms": (
        "EvaluationState",
        "StateReason",
        "StateReasonData",
        "StateTransitionedTimestamp",
        "StateUpdatedTimestamp",
        "StateValue",
    ),
    "DescribeClusters": (
        "activeServicesCount",
        "pendingTasksCount",
        "registeredContainerInstancesCount",
        "runningTasksCount",
        "statistics",
    ),
    "DescribeFileSystems": ("SizeInBytes",),
    "DescribeLogGroups": ("storedBytes",),
    "DescribeSubnets": ("AvailableIpAddressCount",),
    # Whoever asks, it is about the account.
    "GetCallerIdentity": ("Arn", "UserId"),
    "GetRole": ("RoleLastUsed",),
}


class PayloadFirst(list[str]):
    """Where a package that is loaded already looks for the rest of it: first in what came with the module."""

    def __init__(self, package: str, places: Iterable[str]) -> None:
        super().__init__(places)
        self._folder = package.replace(".", "/")

    def __iter__(self) -> Iterator[str]:
        """Yield the places, those in archives of modules first."""
        for entry in sys.path:
            if entry.endswith("_payload.zip"):
                yield f"{entry}/{self._folder}"
        yield from super().__iter__()


class SharedCode:
    """The compiled sources of all modules' archives; a fork says what it had to compile for itself.

    :param folder: where they are kept from one run to the next, as Python keeps its own; None keeps nothing
    """

    # So many are the sources of some ten versions of everything.
    MOST = 4000

    def __init__(self, say: Callable[[bytes], None], folder: Path | None) -> None:
        self._say = say
        self._kept = folder / f"code-{importlib.util.MAGIC_NUMBER.hex()}" if folder else None
        self._compiled: dict[bytes, CodeType] = {}
        self._learned: dict[bytes, CodeType] = {}
        self._compile = zipimport._compile_source  # type: ignore[attr-defined]

    def compile(self, path: str, source: bytes) -> CodeType:
        """Compile a source that was found at a path of an archive, unless that was done before the fork."""
        key = hashlib.sha256(source).digest()
        code: CodeType | None = self._compiled.get(key)
        if code is None:
            code = self._compile(path, source)
            self._say(key + marshal.dumps(code))
        else:
            _imp._fix_co_filename(code, path)  # type: ignore[attr-defined]
        return code

    def learn(self, message: bytes) -> None:
        """Hold what a fork compiled for the forks to come."""
        size = hashlib.sha256().digest_size
        code = marshal.loads(message[size:])  # noqa: S302  # from a fork
        self._compiled[message[:size]] = self._learned[message[:size]] = code

    def recall(self) -> None:
        """Hold what runs before have kept."""
        if self._kept:
            # Whatever is wrong with the file: it is written anew.
            with contextlib.suppress(OSError, EOFError, ValueError, TypeError):
                self._compiled.update(marshal.loads(self._kept.read_bytes()))  # noqa: S302  # our own

    def keep(self) -> None:
        """Keep what came to it in this run, for the next one."""
        if self._kept and self._learned:
            all_of_it = self._compiled if len(self._compiled) <= self.MOST else self._learned
            kept.put(self._kept, marshal.dumps(all_of_it))


class SharedLoader(botocore.loaders.Loader):
    """One loader of service models for all sessions, that says what a fork had to read for itself."""

    def __init__(self, say: Callable[[bytes], None], folder: Path | None) -> None:
        self._files = KeptFiles(folder)
        super().__init__(file_loader=self._files)
        self._say = say
        self._read: set[str] = set()

    def load_data_with_path(self, name: str) -> Any:
        """Load a file of botocore's data, and say so where it was not read before the fork."""
        if name not in self._read:
            self._say(name.encode())
        return super().load_data_with_path(name)

    @botocore.loaders.instance_cache
    def list_available_services(self, type_name: str) -> Any:
        """List the services whose folders are there; botocore looks into some 400."""
        paths: Iterable[str] = self._potential_locations()  # type: ignore[attr-defined]
        folders = [[path, os.stat(path).st_mtime_ns] for path in paths]
        stamp = [f"{type_name} {[path for path, _ in folders]}", folders]
        return self._files.kept(stamp, lambda: super(SharedLoader, self).list_available_services(type_name))

    def learn(self, message: bytes) -> None:
        """Load a file for the forks to come."""
        name = message.decode()
        self._read.add(name)
        with contextlib.suppress(botocore.exceptions.DataNotFoundError):
            super().load_data_with_path(name)


class Shared:
    """What forks share, and add to."""

    # The largest message: the compiled form of a long module. A longer one is compiled each time.
    LARGEST = 1 << 20

    def __init__(self, folder: Path | None) -> None:
        # Each message arrives whole, from whichever fork.
        self.heard, self._said = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._said.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.LARGEST)
        self.loader = SharedLoader(functools.partial(self._say, b"m"), folder)
        self.code = SharedCode(functools.partial(self._say, b"c"), folder)
        self._learn = {b"m": self.loader.learn, b"c": self.code.learn}

    def _say(self, part: bytes, message: bytes) -> None:
        with contextlib.suppress(OSError):
            self._said.send(part + message)

    def ahead(self) -> Iterator[bool]:
        """Make a client of each service as modules will, import what they do, and yield after each part.

        The first is of EC2, for the inventory, which waits for it.
        """
        clients = self._clients()
        yield next(clients, True)
        yield from self._import()
        yield from clients

    def _clients(self) -> Iterator[bool]:
        # With a profile that is not there, no client can be made; modules say so.
        with contextlib.suppress(botocore.exceptions.BotoCoreError):
            session: Any = boto3.Session("none", "none", region_name="us-east-1")
            for service in SERVICES:
                session.client(service)
                gc.freeze()
                yield True

    def _import(self) -> Iterator[bool]:
        # At once: a module that found but a part of Ansible would not look for the rest in its archive.
        for package in OF_ANSIBLE:
            importlib.import_module(package)
        for name, module in [*sys.modules.items()]:
            if name.partition(".")[0] == "ansible" and hasattr(module, "__path__"):
                module.__path__ = PayloadFirst(name, module.__path__)
        self.code.recall()
        yield True
        for package in PACKAGES:
            with contextlib.suppress(ImportError):
                importlib.import_module(package)
            gc.freeze()
            yield True

    def learn(self) -> None:
        """Add what a fork says."""
        message = self.heard.recv(self.LARGEST)
        self._learn[message[:1]](message[1:])
        gc.freeze()


def warm_up(folder: Path | None) -> Shared:
    """Let forks find what is imported here, and modules that came with their own parts of it find those.

    :param folder: where compiled sources are kept from one run to the next, if anywhere
    """
    shared = Shared(folder)
    # As they are now: each session of boto3 adds its own to those of the loader that it is given.
    usual = [*shared.loader.search_paths]

    def create_loader(search_path_string: str | None = None) -> Any:
        loader = botocore.loaders.create_loader(search_path_string)
        return shared.loader if loader.search_paths == usual else loader

    botocore.session.create_loader = create_loader
    # Each session registers the same 250 handlers, and works these out for each of them.
    hooks: Any = botocore.hooks
    hooks.accepts_kwargs = functools.cache(hooks.accepts_kwargs)
    aliaser = hooks.EventAliaser
    aliaser._alias_event_name = _cached_for_all(aliaser._alias_event_name)
    zipimport._compile_source = shared.code.compile  # type: ignore[attr-defined]
    gc.collect()
    gc.freeze()
    return shared


def _cached_for_all(alias: Callable[[Any, str], str]) -> Callable[[Any, str], str]:
    """Remember what a name of an event is an alias of; all aliasers have the same aliases."""
    known: dict[str, str] = {}

    def cached(aliaser: Any, name: str) -> str:
        if name not in known:
            known[name] = alias(aliaser, name)
        return known[name]

    return cached


def record_reads() -> None:
    """Have what this process asks of AWS written down, where its environment says so.

    Each line of the file is a JSON list: service, endpoint, operation, parameters, and what stands for the
    answer: a digest of it, or the code of an error. That is null for all that cannot be compared with a later
    answer: what changes something, and what tells a secret. Of these no parameter is written.
    The interpreter writes such a line for a module that it gives to no warm process (warm_client.py).
    """
    path = os.environ.get(READS)
    if not path:
        return
    call = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def recorded(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation in CREDENTIALS:
            return call(client, operation, parameters)
        read = operation.startswith(READING) and operation not in SECRET
        digest = None
        try:
            answer = call(client, operation, parameters)
            digest = _digest(answer, PASSING.get(operation, ())) if read else None
        except botocore.exceptions.ClientError as error:
            digest = error.response["Error"].get("Code") if read else None
            raise
        finally:
            asked = [client.meta.service_model.service_name, client.meta.endpoint_url, operation]
            _write(path, [*asked, parameters if read else {}, digest])
        return answer

    botocore.client.BaseClient._make_api_call = recorded  # type: ignore[attr-defined]


def _digest(answer: Mapping[str, Any], passing: Iterable[str]) -> str | None:
    try:
        text = json.dumps(_without({*passing, "ResponseMetadata"}, answer), sort_keys=True, default=_time)
    except TypeError:
        return None
    return hashlib.sha256(text.encode()).hexdigest()


def _without(names: Set[str], value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without(names, part) for name, part in value.items() if name not in names}
    return [_without(names, part) for part in value] if isinstance(value, list) else value


def _time(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value)} is no value of JSON")


def _write(path: str, read: list[Any]) -> None:
    try:
        line = json.dumps(read, sort_keys=True)
    except TypeError:
        line = json.dumps([*read[:-2], {}, None])
    with contextlib.suppress(OSError):
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # Whole, whichever other process writes too.
            os.write(file, f"{line}\n".encode())
        finally:
            os.close(file)
