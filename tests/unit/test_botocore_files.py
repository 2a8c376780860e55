"""What botocore reads of its data is kept, and is what the files say."""

import gzip
import json
import os
from pathlib import Path

import boto3
import pytest
from botocore.loaders import Loader

from plugins.plugin_utils.botocore_files import KeptFiles

MODEL = {"version": "2.0", "operations": {"DescribeThings": {"http": {"method": "POST"}}}, "list": [1, None]}


def write(path: Path, model: object) -> str:
    """Write a model as botocore has it; return its path as botocore asks for it."""
    with gzip.open(f"{path}.json.gz", "wt") as file:
        json.dump(model, file)
    return str(path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_a_file_is_read_once_and_again_when_it_changes(data: Path, tmp_path: Path) -> None:
    kept, path = tmp_path / "kept", write(data / "service-2", MODEL)
    assert KeptFiles(kept).load_file(path) == MODEL
    before = os.stat(f"{path}.json.gz")
    Path(f"{path}.json.gz").write_bytes(b"x" * before.st_size)
    os.utime(f"{path}.json.gz", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert KeptFiles(kept).load_file(path) == MODEL, "the file itself is not read again"
    write(data / "service-2", {"version": "3.0"})
    assert KeptFiles(kept).load_file(path) == {"version": "3.0"}


def test_whatever_is_kept_is_no_fault(data: Path, tmp_path: Path) -> None:
    kept, path = tmp_path / "kept", write(data / "service-2", MODEL)
    KeptFiles(kept).load_file(path)
    (file,) = kept.iterdir()
    for content in (b"", b"anything", file.read_bytes()[:-3]):
        file.write_bytes(content)
        assert KeptFiles(kept).load_file(path) == MODEL
    assert KeptFiles(None).load_file(path) == MODEL
    assert KeptFiles(kept).load_file(str(data / "none")) is None


def test_a_client_of_what_is_kept_is_one_of_the_models(tmp_path: Path) -> None:
    def operations(loader: Loader) -> list[str]:
        session = boto3.Session("none", "none", region_name="us-east-1")
        session._session.register_component("data_loader", loader)
        client = session.client("ecs")
        calls = [*client.meta.method_to_api_mapping]
        return [*calls, *(name for name in calls if client.can_paginate(name)), *client.waiter_names]

    for _ in range(2):
        assert operations(Loader(file_loader=KeptFiles(tmp_path))) == operations(Loader())
    assert list(tmp_path.iterdir())
