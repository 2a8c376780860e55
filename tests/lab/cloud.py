"""What the checks need of a lab: clients, names, and small things to point a load balancer at."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

import boto3
import docker
import requests
from botocore.config import Config

from lab.settings import HOST_IMAGE, Settings

# Boots at once and answers on 8080, which is enough of a machine for most checks.
SMALL_IMAGE = "slipway-lab/nginx:stable"
_numbers = itertools.count(1)


class Control(Protocol):
    """How a check ends and restarts the control plane."""

    def restart(self) -> None: ...

    def kill(self) -> None: ...


class Cloud:
    """One lab, as a check sees it."""

    def __init__(self, settings: Settings, engine: docker.DockerClient, control: Control) -> None:
        self.settings = settings
        self.engine = engine
        self.control = control
        # Where a patch is missing on purpose, waiting as long as for a behaviour that comes is waste.
        self.patience = 0.3 if settings.without else 1.0
        self.ec2 = self._client("ec2")
        self.elb = self._client("elbv2")
        self.ecr = self._client("ecr")
        self.ecs = self._client("ecs")
        self.efs = self._client("efs")
        self.s3 = self._client("s3")
        self.ssm = self._client("ssm")
        self.logs = self._client("logs")
        self.cloudwatch = self._client("cloudwatch")
        self.scaling = self._client("application-autoscaling")

    def _client(self, service: str) -> Any:
        # Without validation an interval of 1 s is possible, which AWS itself does not allow.
        config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
        session: Any = boto3.Session("test", "test", region_name=self.settings.region)
        return session.client(service, endpoint_url=self.settings.endpoint, config=config)

    @staticmethod
    def name() -> str:
        return f"check-{next(_numbers)}"

    def subnet(self, zone: str = "a") -> dict[str, Any]:
        number = next(_numbers)
        vpc = self.ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"]
        made: dict[str, Any] = self.ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.{number}.1.0/24", AvailabilityZone=f"{self.settings.region}{zone}"
        )["Subnet"]
        return made

    def image(self, location: str = SMALL_IMAGE) -> str:
        registered = self.ec2.register_image(
            Name=self.name(), ImageLocation=location, RootDeviceName="/dev/xvda", Architecture="x86_64"
        )
        return str(registered["ImageId"])

    def host_image(self) -> str:
        return self.image(HOST_IMAGE)

    def launch(self, image: str, **more: Any) -> dict[str, Any]:
        wanted = {"MinCount": 1, "MaxCount": 1, **more}
        launched: dict[str, Any] = self.ec2.run_instances(ImageId=image, **wanted)["Instances"][0]
        return launched

    def instance(self, identifier: str) -> dict[str, Any]:
        found = self.ec2.describe_instances(InstanceIds=[identifier])["Reservations"]
        instance: dict[str, Any] = found[0]["Instances"][0]
        return instance

    def container(self, identifier: str) -> Any:
        containers = self.engine.containers.list(all=True, ignore_removed=True)
        found = [each for each in containers if identifier in str(each.name)]
        assert found, f"no container for {identifier}"
        return found[0]

    def target_group(self, **more: Any) -> str:
        wanted = {
            "Protocol": "HTTP",
            "Port": 80,
            "TargetType": "ip",
            "HealthCheckPath": "/health",
            "HealthCheckIntervalSeconds": 1,
            "HealthCheckTimeoutSeconds": 1,
            "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 2,
            **more,
        }
        made = self.elb.create_target_group(Name=self.name(), **wanted)["TargetGroups"][0]
        return str(made["TargetGroupArn"])

    def balancer(self, group: str | None = None) -> dict[str, Any]:
        """A load balancer; with a listener if there is a target group to forward to."""
        subnets = [self.subnet("a")["SubnetId"], self.subnet("b")["SubnetId"]]
        made: dict[str, Any] = self.elb.create_load_balancer(Name=self.name(), Subnets=subnets)[
            "LoadBalancers"
        ][0]
        if group is not None:
            self.elb.create_listener(
                LoadBalancerArn=made["LoadBalancerArn"],
                Protocol="HTTP",
                Port=80,
                DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
            )
        return made

    def health(self, group: str, *targets: dict[str, Any]) -> list[dict[str, Any]]:
        wanted = {"Targets": list(targets)} if targets else {}
        described = self.elb.describe_target_health(TargetGroupArn=group, **wanted)
        return list(described["TargetHealthDescriptions"])

    def states(self, group: str) -> list[str]:
        return sorted(each["TargetHealth"]["State"] for each in self.health(group))

    def eventually(self, condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
        """Wait for a condition, and fail with its name if it does not come true."""
        wait_for(condition, what, seconds * self.patience)

    def get(self, balancer: dict[str, Any], path: str = "/") -> requests.Response:
        host = {"Host": f"{balancer['LoadBalancerName']}.alb.localhost"}
        return requests.get(f"{self.settings.endpoint}{path}", headers=host, timeout=30)


def wait_for(condition: Callable[[], bool], what: str, seconds: float) -> None:
    """Wait for a condition, and fail with its name if it does not come true."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.1)


class Target:
    """A web server to register as a target; its answers can be changed."""

    def __init__(self, text: str) -> None:
        self.health = 200
        self.delay = 0.0
        target = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status = target.health if self.path == "/health" else 200
                if self.path == "/slow":
                    time.sleep(target.delay)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = {"Id": "127.0.0.1", "Port": self.server.server_port}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@contextmanager
def target(text: str) -> Iterator[Target]:
    """A target for the length of a check."""
    made = Target(text)
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
