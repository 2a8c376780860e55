"""What pyinfra brings about on each host, run by its own Python: the end state in the file BENCH_STATE."""

import json
import os
from io import StringIO
from pathlib import Path

from pyinfra.operations import apt, docker, files, systemd

state = json.loads(Path(os.environ["BENCH_STATE"]).read_text())

apt.packages(name="Packages", packages=state["packages"], no_recommends=True)
for path, file in state["files"].items():
    files.put(
        name=path, src=StringIO(file["content"]), dest=path, mode=file["mode"], user="root", group="root"
    )
for service in state["services"]:
    systemd.service(name=service, service=service, running=True, enabled=True)
docker.network(name="Network", network="pyinfra")
for name, container in state["containers"].items():
    docker.container(
        name=name,
        container=name,
        image=container["image"],
        command=container["command"],
        memory=container["memory"],
        networks=[container["network"]],
        restart_policy="unless-stopped",
    )
