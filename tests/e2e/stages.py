"""One of the seed's stages on ECS, by the commands of its README."""

import json
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.environment import Run, aws, example
from tests.lab.cloud import wait_for


@dataclass(frozen=True)
class Stage:
    """A folder of examples/, the stack that it deploys, and settings for the lab."""

    name: str
    stack: str
    variables: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def play(self, playbook: str, *arguments: str) -> Run:
        """Run a playbook for it."""
        lab = {"app_url": f"http://{self.stack}.alb.localhost:4566", "load_balancer_deregistration_delay": 5}
        variables = json.dumps({**lab, **self.variables})
        return example(self.name, playbook, "--extra-vars", variables, *arguments, **self.environment)

    def ask(self, path: str, body: dict[str, str] | None = None) -> str:
        """GET a path through the load balancer, or POST to it. An answer of 400 or more is an OSError."""
        request = urllib.request.Request(
            f"http://127.0.0.1:4566{path}",
            data=json.dumps(body).encode() if body else None,
            headers={"Host": f"{self.stack}.alb.localhost", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return str(answer.read().decode())

    def has(self, text: str) -> bool:
        """Whether the API answers, and has a goal."""
        try:
            return text in self.ask("/goals")
        except OSError:
            return False

    def has_nothing_yet(self) -> bool:
        """Whether neither its network nor its cluster is there."""
        vpcs = [{"Name": "tag:Name", "Values": [self.stack]}]
        clusters = aws("ecs").describe_clusters(clusters=[self.stack])["clusters"]
        return not (clusters or aws("ec2").describe_vpcs(Filters=vpcs)["Vpcs"])

    def replace_database(self) -> None:
        """Stop the database's task and wait for the next one."""
        ecs = aws("ecs")

        def tasks() -> set[str]:
            return set(ecs.list_tasks(cluster=self.stack, serviceName="mongodb")["taskArns"])

        (before,) = tasks()
        ecs.stop_task(cluster=self.stack, task=before)
        wait_for(lambda: not tasks() <= {before}, "another task has the database", 60)

    def destroy(self) -> None:
        """Remove all that was made, the data too."""
        consent = ("--extra-vars", f"destroy={self.stack} ecs_cluster_volumes_removed=true")
        self.play("playbooks/destroy.yml", *consent).succeeded()
