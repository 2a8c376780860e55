"""The registry's layers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import ecr

from lab.conformance.around import around
from lab.settings import Settings


def pushed_images_are_kept_on_disk(settings: Settings) -> None:
    """A pushed layer is stored once, outlives the registry's process and is not held in memory."""
    directory = settings.registry

    class Layers(dict[str, Any]):
        """One repository's layers, digest to size; the bytes are in files named after their digests."""

        def __setitem__(self, digest: str, content: bytes) -> None:
            directory.mkdir(parents=True, exist_ok=True)
            file = _file(directory, digest)
            if not file.exists():
                temporary = file.with_suffix(".part")
                temporary.write_bytes(content)
                temporary.replace(file)
            super().__setitem__(digest, len(content))

        def __getitem__(self, digest: str) -> bytes:
            super().__getitem__(digest)
            return _file(directory, digest).read_bytes()

        def get(self, digest: str, default: Any = None) -> Any:
            known = super().get(digest)
            return default if known is None else self[digest]

        def __deepcopy__(self, _memo: Any) -> dict[str, int]:
            return dict(self.items())

    class Repositories(AccountRegionScopedDict):  # type: ignore[misc]
        """Every repository's layers."""

        def setdefault(self, name: str, _default: Any = None) -> Layers:
            found: Layers = super().setdefault(name, Layers())
            return found

    ecr._layer_blobs = Repositories()

    @around(ecr, "load_persisted_state")
    def from_disk(original: Callable[[dict[str, Any]], None], state: dict[str, Any]) -> None:
        original(state)
        for key, sizes in ecr._layer_blobs.all_items():
            layers = Layers()
            layers.update(sizes)
            ecr._layer_blobs._data[key] = layers


def _file(directory: Path, digest: str) -> Path:
    return directory / digest.replace(":", "-")
