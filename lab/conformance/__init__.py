"""Where MiniStack behaves otherwise than AWS and Slipway depends on it, one function per behaviour.

Each function is named after the AWS behaviour that it restores; its first line says the behaviour. `apply`
runs them in the order of this list before the first request. tests/lab shows for each that it is needed.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lab.conformance import (
    application_autoscaling,
    cloudwatch,
    durability,
    ec2_attributes,
    ec2_boot,
    ec2_endpoints,
    ec2_filters,
    ec2_images,
    ec2_keys,
    ec2_launch,
    ec2_lifecycle,
    ec2_security_groups,
    ecr,
    ecs_connect,
    ecs_containers,
    ecs_secrets,
    ecs_services,
    ecs_tasks,
    ecs_volumes,
    elb_attributes,
    elb_describe,
    elb_targets,
    elb_traffic,
)
from lab.settings import LabError, Settings


@dataclass(frozen=True)
class Patch:
    """One restored behaviour."""

    service: str
    restore: Callable[[Settings], None]

    @property
    def name(self) -> str:
        """The AWS behaviour, as an identifier."""
        return self.restore.__name__

    @property
    def behaviour(self) -> str:
        """The AWS behaviour, as a sentence."""
        return (self.restore.__doc__ or "").strip().splitlines()[0]


def registry() -> list[Patch]:
    """Every patch, in the order in which they are applied."""
    return [
        Patch("ec2", ec2_launch.run_instances_places_by_network_interface),
        Patch("ec2", ec2_launch.run_instances_launches_up_to_max_count),
        Patch("ec2", ec2_launch.instances_have_metadata_options),
        Patch("ec2", ec2_launch.instances_have_the_block_devices_asked_for),
        Patch("ec2", ec2_launch.instances_have_a_network_interface),
        Patch("ec2", ec2_attributes.instance_attributes_can_be_modified),
        Patch("ec2", ec2_filters.instances_are_filtered_by_id),
        Patch("ec2", ec2_boot.instances_boot_their_own_init),
        Patch("ec2", ec2_boot.instances_get_their_key_pair_and_user_data),
        Patch("ec2", ec2_images.images_have_a_creation_date),
        Patch("ec2", ec2_images.registered_images_are_ebs_backed),
        Patch("ec2", ec2_keys.key_pairs_are_real_keys),
        Patch("ec2", ec2_security_groups.descriptions_of_security_group_rules_can_change),
        Patch("ec2", ec2_endpoints.vpc_endpoints_keep_what_they_are_given),
        Patch("ec2", ec2_lifecycle.instances_stop_and_start_again),
        Patch("ec2", ec2_lifecycle.terminated_instances_leave_no_volume),
        Patch("ec2", ec2_lifecycle.instances_outlive_the_control_plane),
        Patch("elb", elb_describe.actions_have_an_order_only_if_given),
        Patch("elb", elb_describe.load_balancers_are_in_the_zones_of_their_subnets),
        Patch("elb", elb_describe.target_groups_know_the_load_balancers_that_use_them),
        Patch("elb", elb_describe.deleting_a_load_balancer_deletes_its_listeners),
        Patch("elb", elb_attributes.load_balancers_have_every_attribute),
        Patch("elb", elb_targets.targets_are_registered_by_id_and_port),
        Patch("elb", elb_targets.target_health_follows_health_checks),
        Patch("elb", elb_targets.deregistered_targets_drain),
        Patch("elb", elb_traffic.instance_targets_are_reached_at_their_address),
        Patch("elb", elb_traffic.requests_go_to_healthy_targets),
        Patch("ecr", ecr.pushed_images_are_kept_on_disk),
        Patch("ecs", ecs_tasks.tasks_have_one_network_interface),
        Patch("ecs", ecs_tasks.definitions_show_what_they_were_given_alone),
        Patch("ecs", ecs_tasks.tasks_pull_from_ecr),
        Patch("ecs", ecs_tasks.stopped_tasks_show_how_their_containers_ended),
        Patch("ecs", ecs_tasks.lost_tasks_are_stopped),
        Patch("ecs", ecs_containers.containers_run_as_their_definition_says),
        Patch("ecs", ecs_containers.containers_are_limited_to_their_memory),
        Patch("ecs", ecs_containers.containers_have_time_to_stop),
        Patch("ecs", ecs_containers.containers_have_health_checks),
        Patch("ecs", ecs_containers.containers_start_after_what_they_depend_on),
        Patch("ecs", ecs_containers.containers_need_their_log_group),
        Patch("ecs", ecs_secrets.containers_get_secure_strings_decrypted),
        Patch("ecs", ecs_volumes.tasks_mount_efs_file_systems),
        Patch("ecs", ecs_volumes.tasks_have_scratch_volumes),
        Patch("ecs", ecs_services.deployments_complete_when_their_tasks_are_healthy),
        Patch("ecs", ecs_services.tasks_are_targets_while_they_serve),
        Patch("ecs", ecs_services.unhealthy_tasks_are_replaced),
        Patch("ecs", ecs_services.failed_deployments_are_rolled_back),
        Patch("ecs", ecs_services.clusters_in_use_are_not_deleted),
        Patch("ecs", ecs_services.services_tell_what_they_do),
        Patch("ecs", ecs_services.services_keep_what_they_are_given),
        Patch("ecs", ecs_connect.deployments_show_what_their_tasks_are_given),
        Patch("ecs", ecs_connect.services_find_each_other_by_service_connect),
        Patch("scaling", application_autoscaling.scalable_targets_are_registered),
        Patch("cloudwatch", cloudwatch.alarms_are_what_they_were_given),
        Patch("all", durability.resources_outlive_a_crash),
    ]


def check_names(without: tuple[str, ...]) -> None:
    """Raise LabError if SLIPWAY_LAB_WITHOUT names a patch that there is not."""
    known = [each.name for each in registry()]
    unknown = [name for name in without if name not in known]
    if unknown:
        raise LabError(
            f"SLIPWAY_LAB_WITHOUT names {', '.join(unknown)}; "
            "expected names that `python -m lab patches` lists."
        )


def apply(settings: Settings) -> None:
    """Restore every behaviour but those that SLIPWAY_LAB_WITHOUT names; LabError on an unknown name."""
    check_names(settings.without)
    for each in registry():
        if each.name not in settings.without:
            each.restore(settings)
