"""What the lab reads off the machine, without touching it."""

from lab.machine import DEBIAN_MIRROR, HostFlags, capabilities, certificates_of_its_own, mirror

FLAGS = HostFlags(
    privileged=False,
    capabilities=["NET_ADMIN"],
    security_opts=["seccomp=unconfined"],
    cgroupns_mode="host",
    volumes=["/var/lib/docker"],
    tmpfs=["/run"],
)


def _certificate(body: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


def test_capabilities_are_those_of_the_bounding_set() -> None:
    assert capabilities("Name:\tx\nCapBnd:\t0000000001000001\n") == ["CHOWN", "SYS_RESOURCE"]


def test_flags_are_arguments_of_docker_run() -> None:
    assert FLAGS.as_arguments() == [
        "--cap-add=NET_ADMIN",
        "--security-opt=seccomp=unconfined",
        "--cgroupns=host",
        "--volume=/var/lib/docker",
        "--tmpfs=/run",
    ]


def test_certificates_of_the_machine_are_those_that_debian_lacks() -> None:
    bundle = "# a comment\n" + _certificate("AAA") + _certificate("BBB")
    known = {"".join(_certificate("AAA").split())}
    assert certificates_of_its_own(bundle, known) == [_certificate("BBB")]


def test_mirror_is_the_first_that_the_sources_name() -> None:
    one_line = {"/etc/apt/sources.list": "deb [arch=amd64] http://a.example/debian bookworm main\n"}
    deb822 = {"/etc/apt/sources.list.d/debian.sources": "Types: deb\nURIs: http://b.example/debian/\n"}
    assert mirror(one_line) == "http://a.example/debian"
    assert mirror(deb822) == "http://b.example/debian"
    assert mirror({"/etc/apt/apt.conf.d/x": "Acquire::Check-Date false;\n"}) == DEBIAN_MIRROR
