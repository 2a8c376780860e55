"""What AWS does with tasks and their containers: one check for each patch of these."""

import time
from typing import Any

import requests

from tests.lab.cloud import SMALL_IMAGE, Cloud
from tests.lab.containers import (
    address,
    define,
    ended,
    exits,
    log,
    logging_to,
    network,
    run,
    running,
    service,
    shell,
    steady,
    task,
    tasks,
    web,
)


def tasks_have_one_network_interface(cloud: Cloud) -> None:
    script = "until (exec 3<>/dev/tcp/localhost/8080) 2>/dev/null; do sleep 0.1; done; exit 7"
    arn = run(cloud, web(), shell("sidecar", f"bash -c '{script}'", essential=False))
    shown = running(cloud, arn)
    where = address(shown)
    assert where.rsplit(".", 1)[0] == str(cloud.settings.subnet.network_address).rsplit(".", 1)[0]
    assert {each["networkInterfaces"][0]["privateIpv4Address"] for each in shown["containers"]} == {where}
    cloud.eventually(lambda: exits(task(cloud, arn))["sidecar"] == 7, "the sidecar reaches web by localhost")
    assert requests.get(f"http://{where}:8080/", timeout=5).status_code == 200
    cloud.ecs.stop_task(task=arn)
    bad = run(cloud, {"name": "x", "image": f"127.0.0.1:{cloud.settings.port}/none:1"})
    assert "CannotPullContainerError" in ended(cloud, bad)["stoppedReason"]


def definitions_show_what_they_were_given_alone(cloud: Cloud) -> None:
    arn = define(cloud, web(), enableFaultInjection=True)
    described = cloud.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    assert not {"ipcMode", "pidMode"} & set(described)
    assert described.get("enableFaultInjection") is True


def tasks_pull_from_ecr(cloud: Cloud) -> None:
    name = cloud.name()
    uri = cloud.ecr.create_repository(repositoryName=name)["repository"]["repositoryUri"]
    image = cloud.engine.images.get(SMALL_IMAGE)
    pushed = f"127.0.0.1:{cloud.settings.port}/{name}"
    image.tag(pushed, "1")
    cloud.engine.images.push(pushed, "1")
    cloud.engine.images.remove(f"{pushed}:1")
    digest = cloud.ecr.describe_images(repositoryName=name)["imageDetails"][0]["imageDigest"]
    for reference in (f"{uri}:1", f"{cloud.settings.gateway}:{cloud.settings.port}/{name}@{digest}"):
        arn = run(cloud, {**web(), "image": reference})
        assert running(cloud, arn)["containers"][0]["imageDigest"] == digest
        cloud.ecs.stop_task(task=arn)
        ended(cloud, arn)
    cloud.engine.images.remove(f"{pushed}:1")


def stopped_tasks_show_how_their_containers_ended(cloud: Cloud) -> None:
    handler = "trap 'exit 7' TERM; while true; do sleep 0.1; done"
    arn = run(cloud, shell("handles", handler), shell("does-not", "exec sleep 60", stopTimeout=2))
    running(cloud, arn)
    begun = time.monotonic()
    answer = cloud.ecs.stop_task(task=arn, reason="because")["task"]
    assert (answer["desiredStatus"], time.monotonic() - begun < 1) == ("STOPPED", True)
    shown = ended(cloud, arn)
    assert (shown["stopCode"], shown["stoppedReason"]) == ("UserInitiated", "because")
    assert exits(shown) == {"handles": 7, "does-not": 137}
    by_itself = ended(
        cloud, run(cloud, shell("ends", "exit 3"), shell("stays", "exec sleep 60", stopTimeout=2))
    )
    assert by_itself["stopCode"] == "EssentialContainerExited"
    assert by_itself["stoppedReason"] == "Essential container in task exited"
    assert exits(by_itself) == {"ends": 3, "stays": 137}
    lost = run(cloud, shell("x", "exec sleep 600"))
    running(cloud, lost)
    cloud.container(f"{lost.rsplit('/', 1)[-1][:8]}-x").remove(force=True)
    assert ended(cloud, lost)["stopCode"] == "EssentialContainerExited"


def lost_tasks_are_stopped(cloud: Cloud) -> None:
    with service(cloud, define(cloud, shell("x", "exec sleep 600", stopTimeout=2))) as name:
        cloud.eventually(lambda: steady(cloud, name), "steady")
        before = [each["taskArn"] for each in tasks(cloud, name)]
        time.sleep(1)
        cloud.control.kill()
        cloud.eventually(lambda: steady(cloud, name), "steady again")
        after = [each["taskArn"] for each in tasks(cloud, name)]
        assert (len(after), set(after) & set(before)) == (1, set())
        assert task(cloud, before[0])["desiredStatus"] == "STOPPED"


def containers_run_as_their_definition_says(cloud: Cloud) -> None:
    group, configuration = logging_to(cloud)
    definition = {
        **shell("x", ""),
        "user": "1234",
        "entryPoint": ["sh", "-c"],
        "command": [
            "exec 2>&1; id -u; cat /proc/1/comm; touch /x || echo read-only;"
            " df -m /scratch | tail -1; ulimit -n"
        ],
        "readonlyRootFilesystem": True,
        "linuxParameters": {
            "initProcessEnabled": True,
            "tmpfs": [{"containerPath": "/scratch", "size": 7, "mountOptions": ["rw"]}],
        },
        "ulimits": [{"name": "nofile", "softLimit": 512, "hardLimit": 512}],
        "dockerLabels": {"release": "r7"},
        "logConfiguration": configuration,
    }
    ended(cloud, run(cloud, definition))
    lines = log(cloud, group)
    assert lines[:1] == ["1234"]
    assert "init" in lines[1]
    assert "read-only" in lines
    assert any(line.startswith("tmpfs") and " 7 " in line for line in lines)
    assert lines[-1] == "512"


def containers_are_limited_to_their_memory(cloud: Cloud) -> None:
    shown = ended(cloud, run(cloud, shell("x", "tail /dev/zero", memory=16)))
    assert exits(shown) == {"x": 137}
    assert shown["containers"][0]["reason"] == "OutOfMemoryError: Container killed due to memory usage"


def containers_have_time_to_stop(cloud: Cloud) -> None:
    arn = run(cloud, shell("x", "exec sleep 60", stopTimeout=2))
    running(cloud, arn)
    cloud.ecs.stop_task(task=arn)
    assert exits(ended(cloud, arn, 10)) == {"x": 137}


def _checked(command: str) -> dict[str, Any]:
    return {"command": ["CMD-SHELL", command], "interval": 1, "retries": 2, "timeout": 2}


def containers_have_health_checks(cloud: Cloud) -> None:
    arn = run(
        cloud,
        shell("well", "exec sleep 60", healthCheck=_checked("true"), stopTimeout=2),
        shell("ill", "exec sleep 60", healthCheck=_checked("false"), stopTimeout=2, essential=False),
        shell("unasked", "exec sleep 60", stopTimeout=2),
    )
    assert task(cloud, arn)["healthStatus"] == "UNKNOWN"

    def health() -> list[str]:
        shown = task(cloud, arn)
        return [shown["healthStatus"], *[each["healthStatus"] for each in shown["containers"]]]

    expected = ["HEALTHY", "HEALTHY", "UNHEALTHY", "UNKNOWN"]
    cloud.eventually(lambda: health() == expected, "each container's health")
    cloud.ecs.stop_task(task=arn)


def containers_start_after_what_they_depend_on(cloud: Cloud) -> None:
    group, configuration = logging_to(cloud)

    def after(name: str, condition: str) -> dict[str, Any]:
        return {"dependsOn": [{"containerName": name, "condition": condition}]}

    arn = run(
        cloud,
        shell("app", "echo app", logConfiguration=configuration, **after("db", "HEALTHY")),
        shell(
            "db",
            "sleep 1; touch /up; echo db; exec sleep 60",
            logConfiguration=configuration,
            healthCheck=_checked("test -e /up"),
            stopTimeout=2,
            **after("init", "SUCCESS"),
        ),
        shell("init", "sleep 1; echo init", essential=False, logConfiguration=configuration),
    )
    shown = ended(cloud, arn)
    assert log(cloud, group) == ["init", "db", "app"]
    assert exits(shown) == {"app": 0, "db": 137, "init": 0}
    failing = run(
        cloud,
        shell("app", "exec sleep 60", **after("init", "SUCCESS")),
        shell("init", "exit 4", essential=False),
    )
    failed = ended(cloud, failing)
    assert (failed["stopCode"], exits(failed)) == ("TaskFailedToStart", {"app": None, "init": 4})


def containers_need_their_log_group(cloud: Cloud) -> None:
    options = {"awslogs-group": "none", "awslogs-region": cloud.settings.region, "awslogs-stream-prefix": "x"}
    configuration = {"logDriver": "awslogs", "options": options}
    shown = ended(cloud, run(cloud, shell("x", "true", logConfiguration=configuration)))
    assert shown["stopCode"] == "TaskFailedToStart"
    assert "The specified log group does not exist" in shown["stoppedReason"]


def containers_get_secure_strings_decrypted(cloud: Cloud) -> None:
    group, configuration = logging_to(cloud)
    name = f"/{cloud.name()}"
    cloud.ssm.put_parameter(Name=name, Value="plain text", Type="SecureString")
    secret = {"name": "SECRET", "valueFrom": name}
    ended(cloud, run(cloud, shell("x", "echo $SECRET", secrets=[secret], logConfiguration=configuration)))
    assert log(cloud, group) == ["plain text"]
    missing = run(cloud, shell("x", "true", secrets=[{"name": "SECRET", "valueFrom": "/no/such"}]))
    shown = ended(cloud, missing)
    assert shown["stopCode"] == "TaskFailedToStart"
    assert shown["stoppedReason"].startswith("ResourceInitializationError: unable to pull secrets")


def tasks_mount_efs_file_systems(cloud: Cloud) -> None:
    group, configuration = logging_to(cloud)
    system = cloud.efs.create_file_system(CreationToken=cloud.name())["FileSystemId"]
    owner = {"OwnerUid": 999, "OwnerGid": 998, "Permissions": "750"}
    point = cloud.efs.create_access_point(
        FileSystemId=system,
        ClientToken=cloud.name(),
        PosixUser={"Uid": 999, "Gid": 998},
        RootDirectory={"Path": "/data/db", "CreationInfo": owner},
    )["AccessPointId"]
    configured = {
        "fileSystemId": system,
        "transitEncryption": "ENABLED",
        "authorizationConfig": {"accessPointId": point, "iam": "ENABLED"},
    }
    volumes = [{"name": "data", "efsVolumeConfiguration": configured}]
    mounted = {"mountPoints": [{"sourceVolume": "data", "containerPath": "/data/db"}]}
    early = ended(cloud, run(cloud, shell("x", "true", **mounted), volumes=volumes))
    assert "mount target" in early["stoppedReason"]
    subnet = network(cloud)["awsvpcConfiguration"]["subnets"][0]
    cloud.efs.create_mount_target(FileSystemId=system, SubnetId=subnet)
    script = "stat -c '%u %g %a' /data/db; cat /data/db/kept 2>/dev/null; echo kept > /data/db/kept"
    writing = shell("x", script, user="999", logConfiguration=configuration, **mounted)
    assert exits(ended(cloud, run(cloud, writing, volumes=volumes))) == {"x": 0}
    ended(cloud, run(cloud, writing, volumes=volumes))
    assert log(cloud, group)[0] == "999 998 750"
    assert log(cloud, group)[-1] == "kept"
    folder = cloud.settings.file_systems / system
    assert (folder / "data/db/kept").read_text() == "kept\n"


def tasks_have_scratch_volumes(cloud: Cloud) -> None:
    volumes = [{"name": "shared"}]
    mounted = {"mountPoints": [{"sourceVolume": "shared", "containerPath": "/shared"}]}
    reader = "until test -e /shared/x; do sleep 0.1; done; exit 5"
    writer = shell("writer", "touch /shared/x", essential=False, **mounted)
    arn = run(cloud, shell("reader", reader, **mounted), writer, volumes=volumes)
    assert exits(ended(cloud, arn, 10))["reader"] == 5
    left = [each.name for each in cloud.engine.volumes.list() if arn.rsplit("/", 1)[-1] in str(each.name)]
    assert left == []
