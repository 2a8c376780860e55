"""A Docker build context as the builder gets it: which files, in which state, under which name.

The same walk gives the digest that names an image and the archive that is sent to the builder, so what is
built is what was named. For the controller alone: it needs docker-py. Owner and time of files are left out
of the digest: COPY drops the one, and the other differs with every checkout.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from docker.utils.build import exclude_paths

TAG_LENGTH = 12


def tag_of(context: Path, dockerfile: str, settings: Mapping[str, Any]) -> str:
    """Name the image that this context and these settings give, in twelve hexadecimal digits.

    Raises FileNotFoundError where the context has no such Dockerfile, OSError for a file that cannot be read.
    """
    return _name(_walk(context, dockerfile, None), dockerfile, settings)


def pack(context: Path, dockerfile: str, settings: Mapping[str, Any], target: IO[bytes]) -> str:
    """Write the context as a tar archive; give the tag of what was written."""
    with tarfile.open(fileobj=target, mode="w") as archive:
        return _name(_walk(context, dockerfile, archive), dockerfile, settings)


def ignored(context: Path, dockerfile: str) -> list[str]:
    """Give the patterns of `<Dockerfile>.dockerignore`, or else of .dockerignore."""
    for name in (f"{dockerfile}.dockerignore", ".dockerignore"):
        if (context / name).is_file():
            lines = (line.strip() for line in (context / name).read_text("utf-8-sig").splitlines())
            return [line for line in lines if line and not line.startswith("#")]
    return []


def _name(entries: Iterator[list[Any]], dockerfile: str, settings: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps([dockerfile, settings], sort_keys=True).encode())
    for entry in entries:
        digest.update(b"\n" + json.dumps(entry).encode())
    return digest.hexdigest()[:TAG_LENGTH]


def _walk(context: Path, dockerfile: str, archive: tarfile.TarFile | None) -> Iterator[list[Any]]:
    """Give path, kind, mode and content of every file; put each into the archive on the way."""
    if not (context / dockerfile).is_file():
        raise FileNotFoundError(str(context / dockerfile))
    for path in sorted(exclude_paths(str(context), ignored(context, dockerfile), dockerfile)):
        entry = _entry(context / path, path, archive)
        if entry:
            yield entry


def _entry(file: Path, path: str, archive: tarfile.TarFile | None) -> list[Any] | None:
    status = file.lstat()
    info = tarfile.TarInfo(path)
    info.mode = stat.S_IMODE(status.st_mode)
    info.mtime = int(status.st_mtime)
    if stat.S_ISREG(status.st_mode):
        return _regular(file, info, archive)
    if stat.S_ISLNK(status.st_mode):
        info.type, info.linkname = tarfile.SYMTYPE, os.readlink(file)
        # A link's own mode means nothing and differs between systems.
        info.mode = 0o777
    elif stat.S_ISDIR(status.st_mode):
        info.type = tarfile.DIRTYPE
    else:
        # Sockets and devices are no part of a context for Docker either.
        return None
    if archive:
        archive.addfile(info)
    return [path, info.type.decode(), info.mode, info.linkname]


def _regular(file: Path, info: tarfile.TarInfo, archive: tarfile.TarFile | None) -> list[Any]:
    with file.open("rb") as content:
        info.size = os.fstat(content.fileno()).st_size
        reader = _Hashing(content)
        if archive:
            archive.addfile(info, reader)
        else:
            while reader.read(1 << 20):
                pass
    return [info.name, info.type.decode(), info.mode, reader.digest.hexdigest()]


class _Hashing:
    """A file that notes what was read from it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read, and note."""
        data = self._file.read(size)
        self.digest.update(data)
        return data
