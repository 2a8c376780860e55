"""What ECS on Fargate renders from the application model. Pure; services are normalised ones.

The shapes are those of the ECS API: RegisterTaskDefinition and CreateService.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from .fargate import sidecars_share, task_size
from .model_containers import Container, containers
from .model_views import environment_of, is_singleton
from .secret_store import Reference

Services = Mapping[str, Mapping[str, Any]]

#: What /tmp and its like hold at most, in MiB.
TMPFS_SIZE = 64


def task_definitions(
    services: Services,
    images: Mapping[str, Mapping[str, Any]],
    secrets: Mapping[str, Mapping[str, Mapping[str, str]]],
    volumes: Mapping[str, Mapping[str, Mapping[str, str]]],
    *,
    stack: str,
    region: str,
    execution_role: str,
    task_role: str,
    log_options: Mapping[str, str],
    architecture: str = "X86_64",
) -> dict[str, dict[str, Any]]:
    """Give each service's task definition: {service: {family, definition}}.

    `images` is what app_images returned; `secrets` gives for each container {variable: {arn, version}},
    `volumes` for each service {name: {file_system, access_point}}.
    """
    return {
        name: {
            "family": f"{stack}-{name}",
            "definition": {
                "networkMode": "awsvpc",
                "requiresCompatibilities": ["FARGATE"],
                "runtimePlatform": {"cpuArchitecture": architecture, "operatingSystemFamily": "LINUX"},
                "cpu": str(task_size(service)[0]),
                "memory": str(task_size(service)[1]),
                "executionRoleArn": execution_role,
                "taskRoleArn": task_role,
                "volumes": [_volume(volume, volumes[name]) for volume in service["volumes"]],
                "containerDefinitions": [
                    {
                        **_container(each, images[each.name], secrets.get(each.name, {})),
                        **_in_task(each, service),
                        "logConfiguration": {
                            "logDriver": "awslogs",
                            "options": {
                                "awslogs-region": region,
                                "awslogs-stream-prefix": name,
                                **log_options,
                            },
                        },
                    }
                    for each in containers({name: service})
                ],
            },
        }
        for name, service in services.items()
    }


def _in_task(container: Container, service: Mapping[str, Any]) -> dict[str, Any]:
    """Give how a container stands to the others: its share, what its end means, and whom it waits for."""
    options, sidecars = container.options, service["sidecars"]
    if container.sidecar:
        shares = {key: options[key] for key in ("cpu", "memory") if options[key]}
        essential, awaited = options["essential"] and not options["once"], set(options["depends_on"])
    else:
        # Next to what counts on a share of the CPU, a container without one would get next to none.
        shares = {"cpu": task_size(service)[0] - sidecars_share(service, "cpu")} if sidecars else {}
        first = {name for name, sidecar in sidecars.items() if sidecar["once"]}
        essential, awaited = True, first | set(options["depends_on"]) & set(sidecars)
    depends_on = [{"containerName": name, "condition": _ready(sidecars[name])} for name in sorted(awaited)]
    return {**shares, "essential": essential, **({"dependsOn": depends_on} if depends_on else {})}


def _ready(sidecar: Mapping[str, Any]) -> str:
    """Give the condition in which a sidecar is what others wait for."""
    return "SUCCESS" if sidecar["once"] else "HEALTHY" if sidecar["health_check"] else "START"


def _container(
    container: Container, image: Mapping[str, Any], secrets: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    name, options = container.sidecar or container.service, container.options
    port, check = options["port"], options["health_check"]
    definition: dict[str, Any] = {
        "name": name,
        "image": image["image"],
        "environment": [
            {"name": variable, "value": value}
            for variable, value in sorted(environment_of(options, image).items())
        ],
        "secrets": [
            {"name": variable, "valueFrom": place["arn"]} for variable, place in sorted(secrets.items())
        ],
        # ECS reads secrets when a task starts and never learns that one changed: a new version is a revision.
        "dockerLabels": {
            "slipway.service": container.service,
            **{f"slipway.secret.{variable}": place["version"] for variable, place in sorted(secrets.items())},
        },
        "readonlyRootFilesystem": options["read_only"],
        "linuxParameters": {
            "initProcessEnabled": True,
            "capabilities": {"drop": ["ALL"]},
            "tmpfs": [{"containerPath": path, "size": TMPFS_SIZE} for path in options["tmpfs"]],
        },
        "mountPoints": [
            {"sourceVolume": volume["name"], "containerPath": volume["path"], "readOnly": False}
            for volume in options["volumes"]
        ],
        "stopTimeout": options["stop_timeout"],
    }
    if port is not None:
        # The name is what Service Connect leads to.
        named = {} if container.sidecar else {"name": name}
        definition["portMappings"] = [{**named, "containerPort": port, "protocol": "tcp"}]
    if options["command"]:
        definition["command"] = [str(argument) for argument in options["command"]]
    if options["user"]:
        definition["user"] = options["user"]
    if check and check["command"]:
        definition["healthCheck"] = {
            "command": ["CMD", *(str(argument) for argument in check["command"])],
            # ECS takes 5 to 300, 2 to 60, 1 to 10 and 0 to 300 of them.
            "interval": max(5, check["interval"]),
            "timeout": min(60, max(2, check["timeout"])),
            "retries": check["retries"],
            "startPeriod": min(300, check["start_period"]),
        }
    return definition


def _volume(volume: Mapping[str, Any], places: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    place = places[volume["name"]]
    return {
        "name": volume["name"],
        "efsVolumeConfiguration": {
            "fileSystemId": place["file_system"],
            "transitEncryption": "ENABLED",
            "authorizationConfig": {"accessPointId": place["access_point"], "iam": "ENABLED"},
        },
    }


def access_points(services: Services) -> dict[str, dict[str, Any]]:
    """Give the EFS access point of each volume by its name, as efs_file_system takes them.

    All access is of the service's user; of root, where the service names none by number.
    """
    found = {}
    for name, service in services.items():
        user, _colon, group = (service["user"] or "0:0").partition(":")
        uid = int(user) if user.isdigit() else 0
        gid = int(group) if group.isdigit() else uid
        for volume in service["volumes"]:
            path = f"/{name}/{volume['name']}"
            found[f"{name}-{volume['name']}"] = {"path": path, "uid": uid, "gid": gid}
    return found


def volume_places(
    services: Services, file_system: str, points: Mapping[str, str]
) -> dict[str, dict[str, dict[str, str]]]:
    """Give for each service and volume its file system and access point."""
    return {
        name: {
            volume["name"]: {
                "file_system": file_system,
                "access_point": points[f"{name}-{volume['name']}"],
            }
            for volume in service["volumes"]
        }
        for name, service in services.items()
        if service["volumes"]
    }


def execution_statements(
    services: Services, *, region: str, account: str, partition: str = "aws"
) -> list[dict[str, Any]]:
    """Give the statements that let ECS read the services' secrets, each by its name, and no others."""
    texts = (text for each in containers(services) for text in each.options["secrets"].values())
    places = [Reference.parse(text) for text in texts]
    at = f"{region}:{account}"
    # AWS ends a secret's ARN with six characters of its own.
    secrets = {
        f"arn:{partition}:secretsmanager:{at}:secret:{place.name}-??????"
        for place in places
        if place.store == "secretsmanager"
    }
    parameters = {
        f"arn:{partition}:ssm:{at}:parameter/{place.name.lstrip('/')}"
        for place in places
        if place.store == "ssm"
    }
    return [
        {"Effect": "Allow", "Action": action, "Resource": sorted(resources)}
        for action, resources in (
            ("secretsmanager:GetSecretValue", secrets),
            ("ssm:GetParameters", parameters),
        )
        if resources
    ]


def task_statements(
    services: Services, *, region: str, account: str, file_system: str, partition: str = "aws"
) -> list[dict[str, Any]]:
    """Give the statements that let containers use their volumes."""
    if not any(service["volumes"] for service in services.values()):
        return []
    return [
        {
            "Effect": "Allow",
            "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
            "Resource": f"arn:{partition}:elasticfilesystem:{region}:{account}:file-system/{file_system}",
        }
    ]


def role_policies(
    statements: Mapping[str, Sequence[Mapping[str, Any]]], stack: str
) -> dict[str, dict[str, Any]]:
    """Give the arguments of iam_policy for the roles of a stack: none where nothing is allowed."""
    return {
        role: {
            "iam_name": f"{stack}-{role}",
            "policy_json": {"Version": "2012-10-17", "Statement": allowed},
            "state": "present" if allowed else "absent",
        }
        for role, allowed in statements.items()
    }


def service_calls(
    services: Mapping[str, Mapping[str, Any]], waves: Iterable[Iterable[str]], scaling: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Give what ecs_service is told of each service of some waves, as `ecs_services` gave them."""
    return {
        name: {"service": services[name], "keep_desired_count": name in scaling}
        for wave in waves
        for name in wave
    }


def rollouts(
    services: Mapping[str, Mapping[str, Any]], results: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Give what to watch of services as `ecs_services` gave them, by the results of ecs_service for some."""
    return [
        {
            "name": result["service"]["name"],
            "task_definition": services[result["service"]["name"]]["taskDefinition"],
            "deployment": result["deployment"],
            "begun": result["changed"],
            "in_place": result["in_place"],
        }
        for result in results
    ]


def ecs_services(
    services: Services,
    revisions: Mapping[str, str],
    target_groups: Mapping[str, str],
    *,
    subnets: list[str],
    security_groups: list[str],
    public_addresses: bool,
    namespace: str,
    capacity: list[Mapping[str, Any]],
    alarms: Mapping[str, list[str]],
    rollback: bool = True,
) -> dict[str, dict[str, Any]]:
    """Give each service as CreateService takes it.

    `revisions` gives each service's task definition, `target_groups` the ARN of the target group of each
    service with a route, `alarms` the names of those that a deployment of a service must not raise.
    """
    return {
        name: {
            "taskDefinition": revisions[name],
            "desiredCount": _desired_count(service),
            "capacityProviderStrategy": [dict(share) for share in capacity],
            "platformVersion": "LATEST",
            "networkConfiguration": {
                "awsvpcConfiguration": {
                    "subnets": subnets,
                    "securityGroups": security_groups,
                    "assignPublicIp": "ENABLED" if public_addresses else "DISABLED",
                }
            },
            "deploymentConfiguration": _deployment(service, alarms.get(name, []), rollback=rollback),
            # Two processes never share a volume, so nothing may move them by starting a second one.
            "availabilityZoneRebalancing": "DISABLED" if is_singleton(service) else "ENABLED",
            "propagateTags": "SERVICE",
            "enableECSManagedTags": True,
            "enableExecuteCommand": False,
            "serviceConnectConfiguration": discovery(name, service["port"], namespace),
            **_balanced(name, service, target_groups),
        }
        for name, service in services.items()
    }


def _desired_count(service: Mapping[str, Any]) -> int:
    scale, replicas = service["scale"], int(service["replicas"])
    return min(max(replicas, scale["min"]), scale["max"]) if scale else replicas


#: What CloudWatch measures for each key of `scale`.
SCALING_METRICS = {
    "cpu": "ECSServiceAverageCPUUtilization",
    "memory": "ECSServiceAverageMemoryUtilization",
    "requests": "ALBRequestCountPerTarget",
}


def autoscaling(services: Services, target_groups: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Give the scaling of each service that has one, as ecs_autoscaling takes it."""
    return {
        name: {
            "target": {"MinCapacity": service["scale"]["min"], "MaxCapacity": service["scale"]["max"]},
            "policies": _policies(service["scale"]),
            "scheduled_actions": {each["name"]: _action(each) for each in service["scale"]["schedules"]},
            "target_group": target_groups.get(name, ""),
        }
        for name, service in services.items()
        if service["scale"]
    }


def _policies(scale: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": float(scale[name]),
                "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
                "ScaleInCooldown": scale["scale_in_cooldown"],
                "ScaleOutCooldown": scale["scale_out_cooldown"],
            },
        }
        for name, metric in SCALING_METRICS.items()
        if scale[name] is not None
    }


def _action(schedule: Mapping[str, Any]) -> dict[str, Any]:
    bounds = {"MinCapacity": schedule["min"], "MaxCapacity": schedule["max"]}
    return {
        "Schedule": schedule["expression"],
        "Timezone": schedule["timezone"],
        "ScalableTargetAction": {name: value for name, value in bounds.items() if value is not None},
    }


def scheduled_tasks(
    services: Services,
    revisions: Mapping[str, str],
    *,
    cluster: str,
    role: str,
    subnets: list[str],
    security_groups: list[str],
    public_addresses: bool,
    capacity: list[Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Give each scheduled task as CreateSchedule of EventBridge Scheduler takes it."""
    return {
        f"{name}-{task['name']}": {
            "ScheduleExpression": task["expression"],
            "ScheduleExpressionTimezone": task["timezone"],
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": f"{revisions[name].rpartition(':task-definition/')[0]}:cluster/{cluster}",
                "RoleArn": role,
                # A start that fails is tried again, but no task is to come hours after its time.
                "RetryPolicy": {"MaximumEventAgeInSeconds": 3600},
                "EcsParameters": {
                    "TaskDefinitionArn": revisions[name],
                    "CapacityProviderStrategy": [dict(share) for share in capacity],
                    "NetworkConfiguration": {
                        "awsvpcConfiguration": {
                            "Subnets": subnets,
                            # None yet in a first plan, and the API takes no empty list.
                            **({"SecurityGroups": security_groups} if security_groups else {}),
                            "AssignPublicIp": "ENABLED" if public_addresses else "DISABLED",
                        }
                    },
                    "EnableECSManagedTags": True,
                },
                "Input": json.dumps(
                    {"containerOverrides": [{"name": name, "command": task["command"]}]}, sort_keys=True
                ),
            },
        }
        for name, service in services.items()
        for task in service["scheduled_tasks"]
    }


def scheduler_statements(
    services: Services, roles: list[str], *, stack: str, region: str, account: str, partition: str = "aws"
) -> list[dict[str, Any]]:
    """Give the statements that let EventBridge Scheduler run the tasks of one cluster, with their roles."""
    if not any(service["scheduled_tasks"] for service in services.values()):
        return []
    ecs = f"arn:{partition}:ecs:{region}:{account}"
    return [
        {
            "Effect": "Allow",
            "Action": "ecs:RunTask",
            "Resource": f"{ecs}:task-definition/{stack}-*:*",
            "Condition": {"ArnEquals": {"ecs:cluster": f"{ecs}:cluster/{stack}"}},
        },
        {
            "Effect": "Allow",
            "Action": "ecs:TagResource",
            "Resource": f"{ecs}:task/{stack}/*",
            "Condition": {"StringEquals": {"ecs:CreateAction": "RunTask"}},
        },
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": roles,
            "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        },
    ]


def _deployment(service: Mapping[str, Any], alarms: list[str], *, rollback: bool) -> dict[str, Any]:
    low, high = (0, 100) if is_singleton(service) else (100, 200)
    watched = {"alarms": {"alarmNames": alarms, "enable": True, "rollback": rollback}} if alarms else {}
    return {
        "minimumHealthyPercent": low,
        "maximumPercent": high,
        "deploymentCircuitBreaker": {"enable": True, "rollback": rollback},
        **watched,
    }


def discovery(name: str, port: int | None, namespace: str) -> dict[str, Any]:
    """Let every service reach the others by their names, as containers of one network do."""
    found = {
        "portName": name,
        "discoveryName": name,
        "clientAliases": [{"port": port, "dnsName": name}],
    }
    return {"enabled": True, "namespace": namespace, "services": [found] if port is not None else []}


def _balanced(name: str, service: Mapping[str, Any], target_groups: Mapping[str, str]) -> dict[str, Any]:
    if not service["route"]:
        return {}
    return {
        "loadBalancers": [
            {
                "targetGroupArn": target_groups[name],
                "containerName": name,
                "containerPort": service["port"],
            }
        ],
        "healthCheckGracePeriodSeconds": service["health_check"]["start_period"],
    }
