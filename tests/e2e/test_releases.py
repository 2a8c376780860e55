"""Another application than the sample, written as the README says, and its releases under load.

Its service has another port, health path and image; nothing in roles or playbooks knows of it.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.environment import RELEASE_ALONE, ROOT, Environment, Run, aws
from tests.e2e.shop import described_version, shop_services
from tests.probe import Probe

BALANCER = "shop-e2e.alb.localhost:4566"
#: Some hosts, and how much was changed on which.
Acted = tuple[set[str], dict[str, int]]


def services(context: Path, version: str, **changes: Any) -> dict[str, Any]:
    """Describe the application at a version; `changes` replace keys of its service."""
    on_hosts = {
        "health_check": {"path": "/health", "interval": 1, "timeout": 1},
        "cpu": 128,
        "memory": 128,
    }
    return shop_services(context, version, **{**on_hosts, **changes})


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, context: Path) -> Iterator[Environment]:
    environment = Environment(
        tmp_path_factory.mktemp("inventories"),
        app="shop",
        name="e2e",
        variables={
            "database": "none",
            "app_services": services(context, "1"),
            "ec2_hosts_count": 2,
            "load_balancer_enabled": True,
            "app_url": f"http://{BALANCER}",
        },
    )
    environment.deploy().succeeded()
    yield environment
    environment.destroy()


def test_three_releases_in_a_row_lose_no_request_through_balancer_or_host(
    shop: Environment, context: Path
) -> None:
    host = min(shop.addresses().items())[1]
    roads = [f"http://{BALANCER}", f"http://{host}"]
    probes = [Probe([f"{road}/version"], slow=[f"{road}/slow?ms=300"]) for road in roads]
    with probes[0], probes[1]:
        for version in ("2", "3", "4"):
            run = shop.release(services(context, version), *RELEASE_ALONE, "-e", "release_probe=true")
            assert re.search(r"Probe: [1-9]\d* requests, 0 failed", run.succeeded().output)
    for road, probe in zip(roads, probes, strict=True):
        result = probe.result
        assert result.failed == 0, (road, result.as_dict())
        assert result.slow_requests > 100
        assert set(result.versions) == {"1", "2", "3", "4"}


def test_the_probe_notices_a_container_that_is_stopped_unasked(shop: Environment) -> None:
    name, host = min(shop.addresses().items())
    (container,) = shop.containers("web")[name]
    with Probe([f"http://{host}/version"], slow=[f"http://{host}/slow?ms=300"]) as probe:
        shop.on_hosts(f"docker stop {container['Name'].strip('/')}", name)
        shop.on_hosts(f"docker start {container['Name'].strip('/')}", name)
    assert probe.result.failed > 0


def test_a_rollback_takes_all_back_also_when_images_are_gone(shop: Environment, context: Path) -> None:
    described, version = shop.variables["app_services"], described_version(shop)
    shop.release(services(context, "6"), *RELEASE_ALONE).succeeded()
    for host in sorted(shop.addresses()):
        kept = shop.on_hosts("docker ps -aq --filter status=exited", host)[host]
        shop.on_hosts(f"docker rm {' '.join(kept.split())}", host)
        shop.on_hosts("docker image prune -af", host)
    roads = [f"http://{BALANCER}", *(f"http://{address}" for address in shop.addresses().values())]
    with contextlib.ExitStack() as stack:
        probes = [
            stack.enter_context(Probe([f"{road}/version"], slow=[f"{road}/slow?ms=300"])) for road in roads
        ]
        shop.run("ansible-playbook", "playbooks/rollback.yml", *RELEASE_ALONE).succeeded()
    for probe in probes:
        assert probe.result.failed == 0, probe.result.as_dict()
        assert set(probe.result.versions) == {version, "6"}
    newest, rolled, *_older = shop.history()
    assert re.search(r"good in \d+ s  rollback to \S+ .*: web.image", newest)
    assert "good" in rolled
    assert shop.release(described, *RELEASE_ALONE).succeeded().changed() == {}, "as the inventory says again"


def settle(act: Callable[[Environment], Acted], shop: Environment, hosts: set[str]) -> None:
    """See that the third run at the latest changes nothing, and tells of these hosts.

    The first may have something to change, or finds it anew; what it learns of a host the second keeps.
    """
    acted: list[Acted] = []
    while (hosts, {}) not in acted:
        assert len(acted) < 3, acted
        acted.append(act(shop))


def configured(shop: Environment, *arguments: str) -> Acted:
    """Configure the hosts; return those that were not passed over, and how much was changed on each."""
    run = shop.run("ansible-playbook", "playbooks/configure.yml", *arguments).succeeded()
    (part,) = re.findall(
        r"^TASK \[host_baseline : Look at the host\] \**\n((?:ok: .*\n)*)", run.output, re.M
    ) or [""]
    return set(re.findall(r"\[(\S+)\]", part)), run.changed()


def test_the_configuration_of_a_host_is_passed_over_where_nothing_differs_and_mended_where_anything_does(
    shop: Environment,
) -> None:
    hosts = set(shop.addresses())
    first, second = sorted(hosts)
    journal, stamp = "/etc/systemd/journald.conf.d/slipway.conf", "/var/lib/slipway/patched"
    settle(configured, shop, set())
    shop.on_hosts(f"sed -i $aStorage=volatile {journal}", first)
    assert configured(shop, "--check") == ({first}, {first: 2}), "a plan tells of it"
    assert configured(shop) == ({first}, {first: 2}), "with its handler"
    assert "volatile" not in shop.on_hosts(f"cat {journal}", first)[first]
    shop.on_hosts("systemctl disable docker", second)
    assert configured(shop)[1] == {second: 1}
    assert shop.on_hosts("systemctl is-enabled docker", second)[second] == "enabled"
    settle(configured, shop, set())
    assert configured(shop, "-e", "host_baseline_journal_max_use=77M", "--check") == (
        hosts,
        dict.fromkeys(hosts, 2),
    )
    assert configured(shop, "-e", "configure_in_full=true") == (hosts, {})
    shop.on_hosts(f"touch -d @1 {stamp}", first)
    assert configured(shop)[0] == {first}
    assert int(shop.on_hosts(f"stat -c %Y {stamp}", first)[first]) > 1, "patched again"


def released(shop: Environment) -> Acted:
    """Deploy; return the hosts that the release passed over, and how much was changed on each."""
    run = shop.deploy("-v").succeeded()
    return passed_over(run), run.changed()


def passed_over(run: Run) -> set[str]:
    """Return the hosts that a release, told in full, passed over."""
    (found,) = re.findall(r"^ {4}passed_over:.*\n((?: {8}.*\n)*)", run.output, re.M) or [""]
    return set(re.findall(r"^ {8}(\S+):", found, re.M))


def test_a_release_passes_over_hosts_where_nothing_differs_and_mends_those_where_anything_does(
    shop: Environment,
) -> None:
    hosts = set(shop.addresses())
    first, second = sorted(hosts)

    def name_on(host: str) -> str:
        (container,) = shop.containers("web")[host]
        return str(container["Name"]).strip("/")

    settle(released, shop, hosts)
    (ROOT / ".cache/reads/shop-e2e.json").unlink(missing_ok=True)
    run = shop.deploy("-v").succeeded()
    assert "TASK [ec2_hosts : " in run.output, "provisioning has gone the whole way"
    assert passed_over(run) == hosts, "and has changed nothing"
    shop.on_hosts(f"docker stop {name_on(first)}", first)
    assert released(shop)[1] == {first: 1}
    assert [container["State"]["Running"] for container in shop.containers("web")[first]] == [True]
    shop.on_hosts(f"docker update --restart no {name_on(second)}", second)
    assert released(shop)[1] == {second: 1}
    settle(released, shop, hosts)
    shop.run(
        "ansible-playbook", "playbooks/lock.yml", "-e", "lock=taken", "-e", "lock_message=by hand"
    ).succeeded()
    shop.run("ansible-playbook", "playbooks/lock.yml", "-e", "lock=free").succeeded()
    assert released(shop) == (set(), {}), "what was seen before the lock was had may be different since"
    settle(released, shop, hosts)


def test_a_changed_secret_is_released_and_never_shown(shop: Environment, context: Path) -> None:
    store = aws("secretsmanager")
    name, values = "shop-e2e/token", ["first-of-two-values", "second-of-two-values"]
    store.create_secret(Name=name, SecretString=values[0])
    try:
        described = services(context, "4", secrets={"TOKEN": f"secretsmanager:{name}"})
        for value in values:
            store.put_secret_value(SecretId=name, SecretString=value)
            shop.set({**shop.variables, "app_services": described})
            planned = shop.deploy("--check", "--diff", "-vvv", *RELEASE_ALONE).succeeded()
            run = shop.deploy("--diff", "-vvv", *RELEASE_ALONE).succeeded()
            assert set(run.changed()) == {"shop-e2e-1", "shop-e2e-2"}
            assert not [seen for seen in values if seen in run.output + planned.output]
            for containers in shop.containers("web").values():
                assert f"TOKEN={value}" in containers[0]["Config"]["Env"]
    finally:
        store.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def test_faults_are_named_together_before_the_first_change(shop: Environment, context: Path) -> None:
    before = shop.containers("web")
    described = services(context, "6", prot=8000, volumes=[{"source": "/srv/data", "path": "/data"}])
    described["worker"] = {"port": 8000, "route": {"paths": ["/*"], "priority": 200}}
    run = shop.release(described, *RELEASE_ALONE)
    assert run.returncode != 0
    for fault in ("prot", "/srv/data", "self-contained", "app_services.worker", "image"):
        assert fault in run.output
    assert run.changed() == {}
    assert {host: [c["Id"] for c in found] for host, found in before.items()} == {
        host: [c["Id"] for c in found] for host, found in shop.containers("web").items()
    }
