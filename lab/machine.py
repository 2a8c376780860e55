"""What the lab must know of the machine under it. Standard library only, so that any Python can ask."""

import hashlib
import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.settings import HOST_IMAGE, LabError

CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
APT_DIRECTORY = Path("/etc/apt")
DEBIAN_MIRROR = "http://deb.debian.org/debian"

# In the kernel's numbering, as far as Debian 12's Docker Engine (20.10) knows them: it refuses later ones.
CAPABILITIES = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
]


@dataclass(frozen=True)
class HostFlags:
    """How a host container must be started on this machine, in community.docker.docker_container's words."""

    privileged: bool
    capabilities: list[str]
    security_opts: list[str]
    cgroupns_mode: str
    volumes: list[str]
    tmpfs: list[str]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)

    def as_arguments(self) -> list[str]:
        """The same as arguments of `docker run`."""
        arguments = ["--privileged"] if self.privileged else []
        arguments += [f"--cap-add={name}" for name in self.capabilities]
        arguments += [f"--security-opt={option}" for option in self.security_opts]
        arguments += [f"--cgroupns={self.cgroupns_mode}"]
        arguments += [f"--volume={volume}" for volume in self.volumes]
        arguments += [f"--tmpfs={path}" for path in self.tmpfs]
        return arguments


def host_flags() -> HostFlags:
    """The flags with which systemd, sshd and a Docker Engine run in a container here.

    Privileged where the engine can; where the machine itself lacks a capability the engine refuses that
    ("unable to apply caps"), and each capability it has is added by name instead.
    Raises LabError if the engine does not answer.
    """
    privileged = _privileged_works()
    legacy = docker("info", "--format", "{{.CgroupVersion}}").strip() == "1"
    return HostFlags(
        privileged=privileged,
        capabilities=[] if privileged else capabilities(Path("/proc/self/status").read_text()),
        security_opts=[] if privileged else ["seccomp=unconfined", "apparmor=unconfined"],
        cgroupns_mode="host" if legacy else "private",
        # Overlay on overlay fails, so the host's own engine gets a volume to keep its layers on.
        volumes=(["/sys/fs/cgroup:/sys/fs/cgroup:rw"] if legacy else []) + ["/var/lib/docker"],
        tmpfs=["/run", "/run/lock"],
    )


def capabilities(process_status: str) -> list[str]:
    """The names of the capabilities in the bounding set of a /proc/PID/status."""
    found = re.search(r"^CapBnd:\s*([0-9a-f]+)$", process_status, re.MULTILINE)
    if found is None:
        raise LabError("/proc/self/status has no CapBnd line; the lab needs Linux.")
    bounding_set = int(found[1], 16)
    return [name for bit, name in enumerate(CAPABILITIES) if bounding_set >> bit & 1]


def _privileged_works() -> bool:
    probe = ["docker", "run", "--rm", "--privileged", "--network=none", "--entrypoint=/bin/true", HOST_IMAGE]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def docker(*arguments: str) -> str:
    """What a docker command prints. Raises LabError with its complaint if it fails."""
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise LabError(
            "No `docker` command on PATH; the lab runs on a Docker Engine. Install one, "
            "for example by `ansible-playbook playbooks/engine.yml` or `apt-get install docker.io`."
        ) from None
    if done.returncode != 0:
        raise LabError(f"`docker {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout


def codename(os_release: str) -> str:
    """The release's code name in an os-release file, or nothing."""
    found = re.search(r'^VERSION_CODENAME="?(\w+)"?$', os_release, re.MULTILINE)
    return found[1] if found else ""


def certificates_of_its_own(bundle: str, distributed: Iterable[str]) -> list[str]:
    """The certificates of a bundle that Debian does not distribute: those that the machine's owner added."""
    known = set(distributed)
    pattern = r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?"
    return [each for each in re.findall(pattern, bundle, re.DOTALL) if _body(each) not in known]


def added_certificates() -> list[str]:
    """What this machine trusts beyond Debian's ca-certificates package."""
    bundle = Path(os.environ.get("SSL_CERT_FILE", CA_BUNDLE))
    if not bundle.is_file():
        return []
    shipped = Path("/usr/share/ca-certificates").rglob("*.crt")
    return certificates_of_its_own(bundle.read_text(), {_body(path.read_text()) for path in shipped})


def _body(certificate: str) -> str:
    return "".join(certificate.split())


def apt_files() -> dict[str, str]:
    """The machine's own apt configuration, path to text: what makes images reach the archives as it does.

    Only what no package brought and what is about fetching, and the sources only if they are those of the
    release that the images are of.
    """
    present = sorted(str(path) for path in (APT_DIRECTORY / "apt.conf.d").glob("*"))
    owned = _owned_by_packages(present)
    files = {path: Path(path).read_text() for path in present if path not in owned}
    files = {path: text for path, text in files.items() if "Acquire" in text}
    if codename(Path("/etc/os-release").read_text()) == "bookworm":
        for path in (APT_DIRECTORY / "sources.list", APT_DIRECTORY / "sources.list.d/debian.sources"):
            if path.is_file():
                files[str(path)] = path.read_text()
    return files


def _owned_by_packages(paths: list[str]) -> set[str]:
    if not paths:
        return set()
    # Its exit code only says that one of them is nobody's.
    found = subprocess.run(["dpkg", "--search", *paths], capture_output=True, text=True, check=False)
    return {line.rpartition(": ")[2] for line in found.stdout.splitlines()}


def mirror(files: dict[str, str]) -> str:
    """The Debian mirror that the apt sources name first."""
    for name, text in files.items():
        if "/sources.list" in name:
            found = re.search(r"^(?:deb\s+(?:\[[^\]]*\]\s+)?|URIs:\s*)(\S+/debian)/?\s*", text, re.MULTILINE)
            if found:
                return found[1]
    return DEBIAN_MIRROR


def fingerprint(files: dict[str, str]) -> str:
    """A short name for exactly these files."""
    digest = hashlib.sha256()
    for name, text in sorted(files.items()):
        digest.update(f"{name}\0{text}\0".encode())
    return digest.hexdigest()[:12]
