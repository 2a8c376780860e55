"""Names, addresses and paths of one lab; nothing here touches the world."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

MINISTACK_VERSION = "1.5.33"
IMAGE_PREFIX = "slipway-lab"
HOST_IMAGE = f"{IMAGE_PREFIX}/host:bookworm"
#: The machine images by name: what each is made of. The second is what others call a golden image.
AMIS = {
    "slipway-lab-debian-12": HOST_IMAGE,
    "slipway-lab-debian-12-docker": f"{IMAGE_PREFIX}/docker-host:bookworm",
}
BASE_IMAGE_MODES = ("auto", "registry", "debian")


class LabError(Exception):
    """What went wrong, what was expected and what to do, as one text for the person at the terminal."""


@dataclass(frozen=True)
class Settings:
    """One lab. The defaults are the lab of `make demo`; tests run others beside it."""

    root: Path
    directory: Path
    port: int
    network: str
    subnet: IPv4Network
    region: str
    base_images: str
    without: tuple[str, ...]

    @property
    def gateway(self) -> str:
        """The machine's own address on the lab's network, where instances reach MiniStack."""
        return str(self.subnet.network_address + 1)

    @property
    def endpoint(self) -> str:
        """The AWS endpoint as the machine itself reaches it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def python(self) -> Path:
        """The lab's own environment, whatever runs this."""
        return self.root / "lab/.venv/bin/python"

    @property
    def build(self) -> Path:
        """Scratch space of image builds; removed after each."""
        return self.directory / "build"

    @property
    def state(self) -> Path:
        """What MiniStack remembers over a restart."""
        return self.directory / "state"

    @property
    def registry(self) -> Path:
        """The layers that were pushed to ECR."""
        return self.directory / "registry"

    @property
    def objects(self) -> Path:
        """What is in S3."""
        return self.directory / "s3"

    @property
    def file_systems(self) -> Path:
        """What is in EFS, one folder for each file system."""
        return self.directory / "efs"

    @property
    def logs(self) -> Path:
        """One log for each image build."""
        return self.directory / "log"

    @property
    def pid_file(self) -> Path:
        """The process id of the running MiniStack."""
        return self.directory / "ministack.pid"

    @property
    def lock_file(self) -> Path:
        """Held by the command that changes the lab."""
        return self.directory / "lock"

    @property
    def log_file(self) -> Path:
        """Everything that MiniStack says."""
        return self.directory / "ministack.log"


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process: the defaults, or what SLIPWAY_LAB_* say.

    Raises LabError if a value cannot be used.
    """
    root = Path(__file__).resolve().parent.parent
    mode = environment.get("SLIPWAY_LAB_BASE_IMAGES", "auto")
    if mode not in BASE_IMAGE_MODES:
        raise LabError(
            f"SLIPWAY_LAB_BASE_IMAGES is {mode!r}; expected one of {', '.join(BASE_IMAGE_MODES)}. "
            "Unset it for auto."
        )
    return Settings(
        root=root,
        directory=Path(environment.get("SLIPWAY_LAB_DIRECTORY", root / ".lab")).resolve(),
        port=int(environment.get("SLIPWAY_LAB_PORT", "4566")),
        network=environment.get("SLIPWAY_LAB_NETWORK", "slipway-lab"),
        subnet=IPv4Network(environment.get("SLIPWAY_LAB_SUBNET", "172.30.0.0/24")),
        region=environment.get("SLIPWAY_LAB_REGION", "eu-central-1"),
        base_images=mode,
        without=tuple(name for name in environment.get("SLIPWAY_LAB_WITHOUT", "").split(",") if name),
    )


def to_environment(settings: Settings) -> dict[str, str]:
    """The environment that gives a child process the same settings."""
    return {
        "SLIPWAY_LAB_BASE_IMAGES": settings.base_images,
        "SLIPWAY_LAB_DIRECTORY": str(settings.directory),
        "SLIPWAY_LAB_PORT": str(settings.port),
        "SLIPWAY_LAB_NETWORK": settings.network,
        "SLIPWAY_LAB_SUBNET": str(settings.subnet),
        "SLIPWAY_LAB_REGION": settings.region,
        "SLIPWAY_LAB_WITHOUT": ",".join(settings.without),
    }
