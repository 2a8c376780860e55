"""A container to try the engine with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from testinfra.host import Host

# `sh` with the libraries that it needs is all that the image holds: no registry is within reach.
MAKE_IMAGE = """
sh -c 'ldd /usr/bin/sh /usr/bin/sleep /usr/bin/grep | grep -o "/[^ ):]*" | sort -u
    | tar --create --dereference --absolute-names --files-from - | docker import - tiny'
"""


@pytest.fixture
def tiny(host: Host) -> Iterator[str]:
    host.check_output(" ".join(MAKE_IMAGE.split()))
    yield "tiny"
    host.check_output("docker image rm --force tiny")


@pytest.fixture
def sleeper(host: Host, tiny: str) -> Iterator[str]:
    host.check_output(f"docker run --detach --name sleeper --publish 8080:80 {tiny} /usr/bin/sleep 600")
    yield "sleeper"
    host.check_output("docker rm --force sleeper")
