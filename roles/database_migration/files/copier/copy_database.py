"""Copies a MongoDB database into another, compares the two, and prints a report, a line of JSON.

SOURCE_URL and DESTINATION_URL say which, each with the name of its database; SOURCE_USERNAME and
SOURCE_PASSWORD are the login where its URL has none. MODE `move` compares with the source read a second time,
so that nobody may write it meanwhile, and leaves the copy. MODE `rehearse` compares with what was read while
copying, whatever is written meanwhile, and removes the copy. Where the two differ, or the destination holds
documents of others, it says so and ends with exit code 1. The next run makes a copy that nobody uses anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

# Collection of the destination whose document says that what is there is a copy, and, once that is finished,
# its fingerprint: as long as it has that, nobody has written there, and the copy may be made anew.
MARKER = "slipway_copy"
# Databases of every server, which are its own.
SERVERS_OWN = {"admin", "config", "local"}
# Documents, and bytes of them, that are written at once.
BATCH, BATCH_BYTES = 1000, 16 * 1024 * 1024
# Of an index what servers add and what has no effect.
INDEX_NOISE = {"v", "ns", "background"}
SECONDS_TO_ANSWER = 30
# Documents stay the bytes that they are: nothing is lost between two types of a language.
RAW = CodecOptions(document_class=RawBSONDocument)

Server = MongoClient[dict[str, Any]]
Base = Database[dict[str, Any]]
# What collections and views are like, by their names.
Content = Mapping[str, Mapping[str, Any]]


class Refused(Exception):
    """The copy cannot be made, or is not one."""


@dataclass
class Digest:
    """Number, size and SHA-256 of documents in their order."""

    count: int = 0
    size: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    def add(self, raw: bytes | memoryview) -> None:
        """Take in a document. It begins with its own length, so that no two sequences are alike."""
        self.count += 1
        self.size += len(raw)
        self._hash.update(raw)

    def shown(self) -> dict[str, Any]:
        """What is compared."""
        return {"documents": self.count, "bytes": self.size, "sha256": self._hash.hexdigest()}


def shape(listed: Mapping[str, Any], indexes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What of a collection, or view, is compared beside its documents: options, and indexes by name.

    :param listed: as listCollections gives it
    :param indexes: as listIndexes gives them
    """
    return {
        "type": listed["type"],
        "options": dict(listed["options"]),
        "indexes": {index["name"]: specification(index) for index in indexes},
    }


def specification(index: Mapping[str, Any]) -> dict[str, Any]:
    """An index as createIndexes takes it."""
    return {name: value for name, value in index.items() if name not in INDEX_NOISE}


def differences(expected: Content, actual: Content) -> list[str]:
    """Name everything that is not as expected, by collection.

    >>> differences({"goals": {"documents": 2}}, {"goals": {"documents": 1}})
    ['goals: documents is 1, expected 2']
    """
    found = [f"{name}: missing" for name in sorted(set(expected) - set(actual))]
    found += [f"{name}: not in the source" for name in sorted(set(actual) - set(expected))]
    for name in sorted(set(expected) & set(actual)):
        was, now = _ordered(expected[name]), _ordered(actual[name])
        found += [
            f"{name}: {key} is {json.dumps(now.get(key), default=str)}, "
            f"expected {json.dumps(was.get(key), default=str)}"
            for key in was
            if was.get(key) != now.get(key)
        ]
    return found


def fingerprint(content: Content) -> str:
    """Tell one content from others."""
    ordered = {name: _ordered(each) for name, each in content.items()}
    return hashlib.sha256(json.dumps(ordered, sort_keys=True, default=str).encode()).hexdigest()


def _ordered(content: Mapping[str, Any]) -> dict[str, Any]:
    """In an index's key the order counts, which a comparison of mappings does not see."""
    indexes = {
        name: {**index, "key": [list(pair) for pair in index["key"].items()]}
        for name, index in content.get("indexes", {}).items()
    }
    return {**content, **({"indexes": indexes} if "indexes" in content else {})}


def batches(documents: Iterable[RawBSONDocument]) -> Iterator[list[RawBSONDocument]]:
    """Split documents into what is written at once."""
    batch: list[RawBSONDocument] = []
    size = 0
    for document in documents:
        if batch and (len(batch) == BATCH or size + len(document.raw) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(document)
        size += len(document.raw)
    if batch:
        yield batch


def shapes(base: Base) -> dict[str, dict[str, Any]]:
    """All collections and views of a database, but for the marker and the server's own."""
    found = {}
    for listed in base.list_collections():
        name = listed["name"]
        if name != MARKER and not name.startswith("system."):
            indexes = base[name].list_indexes() if listed["type"] == "collection" else ()
            found[name] = shape(listed, indexes)
    return found


def documents(base: Base, name: str, described: Mapping[str, Any]) -> Iterator[RawBSONDocument]:
    """Read a collection in the order of its ids; a capped one as it was written, which matters there."""
    order = "$natural" if described["options"].get("capped") else "_id"
    yield from base.get_collection(name, codec_options=RAW).find().sort(order, 1)


def digest(base: Base, name: str, described: Mapping[str, Any]) -> Digest:
    """Read a collection for its digest alone."""
    found = Digest()
    for document in documents(base, name, described):
        found.add(document.raw)
    return found


def copy(source: Base, destination: Base, name: str, described: Mapping[str, Any]) -> Digest:
    """Copy a collection's documents; the digest of what was read."""
    found = Digest()
    target = destination.get_collection(name, codec_options=RAW)
    for batch in batches(documents(source, name, described)):
        for document in batch:
            found.add(document.raw)
        target.insert_many(batch)
    return found


def content(base: Base, described: Content) -> dict[str, dict[str, Any]]:
    """The collections and views of a database with the digests of their documents."""
    return {
        name: {**each, **(digest(base, name, each).shown() if each["type"] == "collection" else {})}
        for name, each in described.items()
    }


def clear(base: Base) -> None:
    """Remove all collections and views, the marker last."""
    for name in [*shapes(base), MARKER]:
        base.drop_collection(name)


def held(base: Base) -> dict[str, int]:
    """How many documents the collections of a database hold, those without any left out."""
    counts = {
        name: base[name].count_documents({})
        for name, each in shapes(base).items()
        if each["type"] == "collection"
    }
    return {name: count for name, count in counts.items() if count}


@dataclass(frozen=True)
class Job:
    """One copy.

    :param moves: whether nobody writes the source, and the copy stays
    :param left: databases of the source that are not to be copied
    """

    source: Base
    destination: Base
    moves: bool
    left: frozenset[str] = frozenset()

    def run(self) -> dict[str, Any]:
        """Copy and compare; the report.

        :raises Refused: it cannot be done, or the two differ
        """
        begun = time.monotonic()
        described = shapes(self.source)
        self.check(described)
        self.refuse_others()
        expected = self.copy(described)
        copied = time.monotonic()
        if self.moves:
            expected = content(self.source, shapes(self.source))
        actual = content(self.destination, shapes(self.destination))
        found = differences(expected, actual)
        if found:
            raise Refused("the copy is not what the source is:\n" + "\n".join(f"  {each}" for each in found))
        if self.moves:
            self.destination[MARKER].update_one({"_id": 1}, {"$set": {"fingerprint": fingerprint(actual)}})
        else:
            clear(self.destination)
        return {
            "mode": "move" if self.moves else "rehearse",
            "documents": sum(each.get("documents", 0) for each in actual.values()),
            "bytes": sum(each.get("bytes", 0) for each in actual.values()),
            "copy_seconds": round(copied - begun, 1),
            "compare_seconds": round(time.monotonic() - copied, 1),
            "collections": {
                name: {
                    "documents": each["documents"],
                    "sha256": each["sha256"],
                    "indexes": sorted(each["indexes"]),
                }
                for name, each in actual.items()
                if each["type"] == "collection"
            },
        }

    def check(self, described: Content) -> None:
        """Refuse what would stay behind."""
        others = set(self.source.client.list_database_names()) - SERVERS_OWN - {self.source.name} - self.left
        series = sorted(name for name, each in described.items() if each["type"] == "timeseries")
        found = []
        if others:
            found.append(
                f"databases beside {self.source.name}, which are not copied: {', '.join(sorted(others))}"
            )
        if series:
            found.append(f"time series, which are not copied: {', '.join(series)}")
        if found:
            raise Refused("the source has " + "; and ".join(found))

    def refuse_others(self) -> None:
        """Leave documents alone that are no copy, or that somebody has written since."""
        found = held(self.destination)
        marker = self.destination[MARKER].find_one()
        if not found or (marker and "fingerprint" not in marker):
            return
        if marker and marker["fingerprint"] == fingerprint(
            content(self.destination, shapes(self.destination))
        ):
            return
        listed = ", ".join(f"{count} in {name}" for name, count in sorted(found.items()))
        raise Refused(
            f"the database {self.destination.name} of the destination holds documents that were not copied "
            f"there ({listed}), and they are not touched: expected an empty database"
        )

    def copy(self, described: Content) -> dict[str, dict[str, Any]]:
        """Make the copy in place of one that nobody uses; what was read."""
        self.destination[MARKER].replace_one({"_id": 1}, {"_id": 1}, upsert=True)
        for name in shapes(self.destination):
            self.destination.drop_collection(name)
        read: dict[str, dict[str, Any]] = {}
        # Views last: they look at collections.
        for name, each in sorted(described.items(), key=lambda item: item[1]["type"] == "view"):
            self.destination.command({"create": name, **each["options"]})
            read[name] = dict(each)
            if each["type"] == "collection":
                read[name] |= copy(self.source, self.destination, name, each).shown()
                indexes = [index for title, index in each["indexes"].items() if title != "_id_"]
                if indexes:
                    self.destination.command({"createIndexes": name, "indexes": indexes})
        return read


def connected(side: str) -> Base:
    """Connect to the database that SOURCE or DESTINATION names. No message shows its password."""
    server: Server = MongoClient(
        os.environ[f"{side}_URL"],
        username=os.environ.get(f"{side}_USERNAME"),
        password=os.environ.get(f"{side}_PASSWORD"),
        serverSelectionTimeoutMS=SECONDS_TO_ANSWER * 1000,
        appname="slipway-copier",
    )
    base = server.get_default_database()
    # A client connects only when it is asked something.
    base.list_collection_names()
    return base


def main() -> None:
    """Copy, compare, report."""
    sides = {}
    for side in ("SOURCE", "DESTINATION"):
        try:
            sides[side] = connected(side)
        except PyMongoError as error:
            sys.exit(f"the {side.lower()} cannot be used: {type(error).__name__}: {error}")
    left = frozenset(os.environ.get("LEFT_BEHIND", "").split())
    moves = {"move": True, "rehearse": False}[os.environ["MODE"]]
    try:
        report = Job(sides["SOURCE"], sides["DESTINATION"], moves, left).run()
    except Refused as refused:
        sys.exit(str(refused))
    except PyMongoError as error:
        sys.exit(f"the copy was not finished: {type(error).__name__}: {error}")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
