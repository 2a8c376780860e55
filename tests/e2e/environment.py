"""An environment of the lab for one test module: an inventory, what is deployed by it, and its end."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import yaml

ROOT = Path(__file__).resolve().parents[2]
#: What is made is as it should be.
RELEASE_ALONE = ("--skip-tags", "provision,configure")
#: With a Docker Engine in it: test_examples.py and molecule/docker_engine show how a host comes to one.
AMI = "slipway-lab-debian-12-docker"
RECAP = re.compile(r"^(\S+)\s+: (ok=\d+ .*)$", re.MULTILINE)


def aws(service: str, account: str = "test") -> Any:
    """Return a boto3 client of the lab's AWS; an account there is named by its access key."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url="http://127.0.0.1:4566",
        region_name="eu-central-1",
        aws_access_key_id=account,
        aws_secret_access_key="test",
    )


@dataclass(frozen=True)
class Run:
    """What a playbook run ended with."""

    returncode: int
    output: str

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """The counts of PLAY RECAP by host: ok, changed, unreachable, failed, ..."""
        return {
            host: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", counts)}
            for host, counts in RECAP.findall(self.output)
        }

    def changed(self) -> dict[str, int]:
        """Return how many tasks changed something, for each host where any did."""
        return {host: counts["changed"] for host, counts in self.recap.items() if counts["changed"]}

    def succeeded(self) -> "Run":
        """Return this run, and fail with all of its output unless it ended well."""
        assert self.returncode == 0, self.output
        return self


def ansible(command: str, *arguments: str, **environment: str) -> Run:
    """Run one of Ansible's commands from the checkout's root, as a user would."""
    with _started(command, *arguments, output=subprocess.PIPE, **environment) as process:
        output, _ = process.communicate()
    return Run(process.returncode, output)


def _started(command: str, *arguments: str, output: int, **environment: str) -> subprocess.Popen[str]:
    own = {"ANSIBLE_NOCOLOR": "true", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    return subprocess.Popen(
        [ROOT / ".venv/bin" / command, *arguments],
        cwd=ROOT,
        env={**os.environ, **own, **environment},
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
    )


def example(stage: str, playbook: str, *arguments: str, **environment: str) -> Run:
    """Run a playbook for one of the examples as its README says, in the lab."""
    return ansible(
        "ansible-playbook",
        playbook,
        f"--inventory=examples/{stage}",
        "--extra-vars=@inventories/local/group_vars/lab.yml",
        *arguments,
        AWS_ENDPOINT_URL="http://127.0.0.1:4566",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        **environment,
    )


class Environment:
    """One application in one environment of the lab, by an inventory of its own under `folder`."""

    def __init__(self, folder: Path, *, app: str, name: str, variables: Mapping[str, Any]) -> None:
        self.stack = f"{app}-{name}"
        self.inventory = folder / name
        self.state = ROOT / ".slipway" / self.stack
        (self.inventory / "group_vars").mkdir(parents=True)
        shutil.copy(ROOT / "inventories/local/group_vars/lab.yml", self.inventory / "group_vars/lab.yml")
        localhost = {
            "ansible_connection": "slipway.core.warm",
            "ansible_python_interpreter": "{{ controller_python }}",
        }
        group = {"hosts": {"localhost": localhost}, "children": {"app_hosts": None}}
        self._write("hosts.yml", {"lab": {"children": {name: group}}})
        plugin = yaml.safe_load((ROOT / "inventories/local/aws_ec2.yml").read_text())
        plugin |= {"app": app, "environment": name}
        self._write("aws_ec2.yml", plugin)
        named = {"app_name": app, "app_environment": name}
        self.set({**named, "deploy_target": "ec2", "ec2_hosts_ami_name": AMI, **variables})

    def _write(self, path: str, content: Mapping[str, Any]) -> None:
        (self.inventory / path).write_text(yaml.safe_dump(dict(content)))

    def set(self, variables: Mapping[str, Any]) -> None:
        """Replace the environment's variables."""
        self.variables = dict(variables)
        self._write(f"group_vars/{self.inventory.name}.yml", variables)

    def run(self, command: str, *arguments: str, **environment: str) -> Run:
        """Run an Ansible command with this inventory from the checkout's root, as a user would."""
        return ansible(command, *arguments, "-i", str(self.inventory), **environment)

    def start(self, command: str, *arguments: str, output: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start an Ansible command with this inventory; what it prints goes to a file descriptor."""
        return _started(command, *arguments, "-i", str(self.inventory), output=output)

    def deploy(self, *arguments: str, **environment: str) -> Run:
        """Run deploy.yml."""
        return self.run("ansible-playbook", "deploy.yml", *arguments, **environment)

    def release(self, services: Mapping[str, Any], *arguments: str) -> Run:
        """Deploy services described anew; where that fails, the inventory says again what runs."""
        before = self.variables
        self.set({**before, "app_services": services})
        run = self.deploy(*arguments)
        if run.returncode != 0:
            self.set(before)
        return run

    def history(self) -> list[str]:
        """Return the lines of the history, the newest first."""
        run = self.run("ansible-playbook", "playbooks/history.yml", "-e", "history_limit=1000").succeeded()
        return re.findall(r"\d{8}-\d{6}-[0-9a-f]{6}  .*", run.output)

    def on_hosts(self, command: str, pattern: str = "app_hosts") -> dict[str, str]:
        """Run a command as root on the hosts of a pattern and return what each printed."""
        run = self.run("ansible", pattern, "-b", "-m", "ansible.builtin.command", "-a", command).succeeded()
        parts = re.split(r"^(\S+) \| \S+ \| rc=0 >>$", run.output, flags=re.MULTILINE)[1:]
        return {host: text.strip() for host, text in zip(parts[::2], parts[1::2], strict=True)}

    def containers(self, service: str) -> dict[str, list[dict[str, Any]]]:
        """Return what `docker inspect` says of a service's running containers, by host."""
        listed = self.on_hosts(f"docker ps -q --filter label=slipway.service={service}")
        found = {}
        for host, ids in listed.items():
            inspect = "docker inspect " + " ".join(ids.split())
            found[host] = json.loads(self.on_hosts(inspect, host)[host]) if ids else []
        return found

    def addresses(self) -> dict[str, str]:
        """Return the address of each running instance by its name."""
        reservations = aws("ec2").describe_instances(
            Filters=[
                {"Name": "tag:Name", "Values": [f"{self.stack}-*"]},
                {"Name": "instance-state-name", "Values": ["running"]},
            ]
        )["Reservations"]
        return {
            next(tag["Value"] for tag in instance["Tags"] if tag["Key"] == "Name"): instance[
                "PrivateIpAddress"
            ]
            for reservation in reservations
            for instance in reservation["Instances"]
        }

    def destroy(self) -> None:
        """Remove all that was made, by the playbook that a user has for it."""
        self.run("ansible-playbook", "playbooks/destroy.yml", "-e", f"destroy={self.stack}").succeeded()
        shutil.rmtree(self.state, ignore_errors=True)
