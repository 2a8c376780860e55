"""Preflight: every check names its fault, all come at once, and one cause is named once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ProfileNotFound
from botocore.stub import Stubber

from plugins.module_utils import preflight_aws, preflight_hosts
from plugins.module_utils.faults import Fault
from plugins.module_utils.own_engine import EngineError
from plugins.module_utils.preflight import World, references, run

ROOT = Path(__file__).parents[2]
GIB = 1024**3
ORIGINS = {"aws_connection": "prod.yml:1", "aws_connection.region": "prod.yml:2"}
HOST = {
    "engine": {"installed": True, "answers": True, "error": ""},
    "ports": {},
    "disk_free": 20 * GIB,
    "architecture": "x86_64",
}


class Machine:
    """An Engine, and registries that have one image; `held` is that image's architecture on this machine."""

    def __init__(
        self, *, up: bool = True, registry: bool = True, held: str = "", offered: tuple[str, ...] = ()
    ) -> None:
        self.up = up
        self.registry = registry
        self.held = held
        self.offered = frozenset(offered)

    def __call__(self) -> "Machine":
        if not self.up:
            raise EngineError("no such socket")
        return self

    def local(self, name: str) -> dict[str, str] | None:
        return {"Architecture": self.held} if self.held and name == "mongo:8" else None

    def architectures(self, name: str) -> frozenset[str] | None:
        if not self.registry:
            raise EngineError("no such host")
        return self.offered if name.endswith("mongo:8") else None


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "Dockerfile").write_text("FROM scratch\n")
    return tmp_path


def environment(**changes: Any) -> dict[str, Any]:
    return {
        "app_name": "goals",
        "app_environment": "prod",
        "app_production": True,
        "deploy_target": "ec2",
        "app_services": {
            "web": {
                "build": {"context": "web"},
                "port": 80,
                "route": {"paths": ["/*"], "priority": 1},
                "health_check": {"path": "/"},
            }
        },
        "database": "container",
        "database_service_name": "mongodb",
        "database_service": {"image": "mongo:8", "port": 27017, "volumes": [{"name": "d", "path": "/d"}]},
        "aws_connection": {"region": "eu-central-1"},
        "ssh_allowed_cidrs": ["203.0.113.7/32"],
        "ssh": True,
        "hosts": {"one": HOST},
        "architecture": "amd64",
        "disk_gib": 2.0,
        "images_extra": {},
        "images_ecr": True,
        "images_mirror": False,
        "network_private": "none",
        "task_architecture": "",
        "cluster": "",
        "alarms_limits": {},
        "alarms_notify": [],
        "defined": [],
        **changes,
    }


def check(project: Path, *, engine: Machine | None = None, **changes: Any) -> dict[str, str]:
    """Give the faults as key -> what was found."""
    known = changes.pop("known", [])
    aws = changes.pop("aws", [])
    taken = changes.pop("taken", ())
    world = World(engine or Machine(), lambda *_: aws, lambda port: port in taken, project)
    faults = run(environment(**changes), {}, world, known)
    assert all(fault.where and fault.problem and fault.expected and fault.remedy for fault in faults)
    found = {fault.key: fault.problem for fault in faults}
    assert len(found) == len(faults)
    return found


def test_a_good_environment_has_no_faults(project: Path) -> None:
    assert check(project) == {}


def test_faults_of_every_kind_come_at_once(project: Path) -> None:
    services = {
        "web": {"build": {"context": "gone"}, "prot": 1},
        "api": {"image": "nonesuch:1", "secrets": {"KEY": "vault:nonesuch"}},
    }
    aws = [Fault("AWS", "aws_connection", "refused", "credentials", "renew them")]
    hosts = {"one": {"unreachable": True, "msg": "timed out"}}
    faults = check(
        project,
        app_services=services,
        app_name="Goals",
        aws=aws,
        hosts=hosts,
        ssh_allowed_cidrs=[],
        images_extra={"proxy": "traefik:v0"},
    )
    assert list(faults) == [
        "app_name",
        "app_services.web.prot",
        "app_services.web.build.context",
        "app_services.api.secrets.KEY",
        "ssh_allowed_cidrs",
        "app_services.api.image",
        "images_extra.proxy",
        "aws_connection",
        "ssh",
    ]


def test_a_fault_of_the_database_names_its_own_variable(project: Path) -> None:
    database = {"image": "mongo:9", "prot": 1}
    assert set(check(project, database_service=database)) == {
        "database_service.prot",
        "database_service.image",
    }
    assert check(project, database_service=database, database="none") == {}


def test_sidecars_are_looked_at_where_they_run(project: Path) -> None:
    sidecars = {"one": {"image": "nonesuch:1"}, "two": {"build": {"context": "gone"}}}
    services = {"web": {"image": "mongo:8", "sidecars": sidecars}}
    database = {"image": "mongo:8", "sidecars": {"one": {"image": "nonesuch:2"}}}
    found = check(project, app_services=services, database_service=database, deploy_target="ecs")
    assert set(found) == {
        "app_services.web.sidecars.one.image",
        "app_services.web.sidecars.two.build.context",
        "database_service.sidecars.one.image",
    }
    assert check(project, app_services=services, database_service=database, deploy_target="dev") == {}


def test_a_dockerfile_that_is_missing(project: Path) -> None:
    services = {"web": {"build": {"context": "web", "dockerfile": "Other"}}}
    assert list(check(project, app_services=services)) == ["app_services.web.build.dockerfile"]


def test_no_engine(project: Path) -> None:
    assert list(check(project, engine=Machine(up=False))) == ["docker"]


def test_a_registry_that_cannot_be_asked(project: Path) -> None:
    faults = check(project, engine=Machine(registry=False))
    assert "cannot be asked" in faults["database_service.image"]


def test_alarms_have_limits_that_are_numbers_and_tell_who_can_be_told(project: Path) -> None:
    topic = "arn:aws:sns:eu-central-1:123456789012:on-call"
    good: dict[str, Any] = {
        "alarms_limits": {"cpu": 80.5, "memory": None},
        "alarms_notify": ["ops@example.com", topic],
    }
    assert check(project, **good) == {}
    bad: dict[str, Any] = {
        "alarms_limits": {"cpus": 80, "memory": "much", "target_errors": True},
        "alarms_notify": ["ops", "https://example.com", 7],
    }
    assert list(check(project, **bad)) == [
        "alarms_limits.cpus",
        "alarms_limits.memory",
        "alarms_limits.target_errors",
        "alarms_notify[0]",
        "alarms_notify[1]",
        "alarms_notify[2]",
    ]


class TestPlatform:
    """Images are for the processors that run them."""

    @pytest.mark.parametrize(
        ("held", "offered", "mirror", "found"),
        [
            ("", ("amd64", "arm64"), False, ""),
            ("", ("arm64",), False, "mongo:8 is for arm64"),
            # Nobody says: the run finds out.
            ("", (), False, ""),
            ("amd64", (), False, ""),
            # What was pulled here for this machine does not tell what the tag holds; what is copied does.
            ("arm64", ("amd64", "arm64"), False, ""),
            ("arm64", ("amd64", "arm64"), True, "mongo:8 is for arm64"),
        ],
    )
    def test_a_named_image(
        self, project: Path, held: str, offered: tuple[str, ...], mirror: bool, found: str
    ) -> None:
        engine = Machine(held=held, offered=offered)
        faults = check(project, engine=engine, images_mirror=mirror)
        assert faults == ({"database_service.image": found} if found else {})

    def test_a_developer_s_machine_may_emulate_another(self, project: Path) -> None:
        engine = Machine(offered=("arm64",))
        assert check(project, engine=engine, deploy_target="dev", app_production=False) == {}

    @pytest.mark.parametrize(("runs", "faults"), [("amd64", []), ("arm64", ["images_platform"]), ("", [])])
    def test_tasks(self, project: Path, runs: str, faults: list[str]) -> None:
        assert list(check(project, task_architecture=runs)) == faults


class TestWayToImages:
    """Tasks without a way out pull from ECR of their region alone."""

    OURS = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"

    def endpoints(self, project: Path, image: str = "mongo:8", **changes: Any) -> dict[str, str]:
        database = {**environment()["database_service"], "image": image}
        private = {"deploy_target": "ecs", "network_private": "endpoints"}
        return check(project, database_service=database, **{**private, **changes})

    def test_an_image_of_another_registry_is_out_of_reach(self, project: Path) -> None:
        (problem,) = self.endpoints(project).values()
        assert problem.startswith("mongo:8, of docker.io")
        assert list(self.endpoints(project, app_name="Goals")) == ["app_name", "database_service.image"]

    @pytest.mark.parametrize(
        ("registry", "reached"),
        [
            (OURS, True),
            ("123456789012.dkr-ecr.eu-central-1.on.aws", True),
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", False),
            ("public.ecr.aws", False),
        ],
    )
    def test_which_registries_are_within_reach(self, project: Path, registry: str, reached: bool) -> None:
        assert (self.endpoints(project, f"{registry}/mongo:8") == {}) is reached

    @pytest.mark.parametrize(
        "changes", [{"images_mirror": True}, {"network_private": "nat"}, {"deploy_target": "ec2"}]
    )
    def test_what_reaches_it(self, project: Path, changes: dict[str, Any]) -> None:
        assert self.endpoints(project, **changes) == {}

    @pytest.mark.parametrize(
        "changes", [{}, {"images_mirror": True, "app_services": {"web": {"image": f"{OURS}/mongo:8"}}}]
    )
    def test_images_pushed_to_another_registry_are_out_of_reach(
        self, project: Path, changes: dict[str, Any]
    ) -> None:
        image = f"{self.OURS}/mongo:8"
        assert list(self.endpoints(project, image, images_ecr=False, **changes)) == ["images_ecr"]


@pytest.mark.parametrize("services", [None, [], "web", {"web": None}, {"web": {"build": 1, "secrets": [1]}}])
def test_no_shape_of_services_breaks_a_check(project: Path, services: Any) -> None:
    assert check(project, app_services=services) != {}


def test_what_could_not_be_read_is_named_once(project: Path) -> None:
    known = [Fault("variable app_services", "app_services", "undefined", "defined", "define it")]
    assert list(check(project, app_services=None, known=known)) == ["app_services"]


def test_a_machine_without_aws_is_asked_nothing_of_aws(project: Path) -> None:
    local = environment(deploy_target="dev", app_production=False, images_extra={"proxy": "none:1"})
    del local["aws_connection"], local["ssh_allowed_cidrs"]

    def never(*_: Any) -> list[Fault]:
        raise AssertionError

    assert run(local, {}, World(Machine(), never, lambda _: False, project)) == []


def test_a_taken_port_in_dev(project: Path) -> None:
    services = {"web": {"build": {"context": "web"}, "dev": {"port": 8080}}}
    assert check(project, app_services=services, taken=[8080]) == {}
    faults = check(project, app_services=services, taken=[8080], deploy_target="dev", app_production=False)
    assert list(faults) == ["app_services.web.dev.port"]


def test_only_well_formed_references_are_looked_up() -> None:
    services: dict[str, Any] = {
        "a": {"secrets": {"A": "ssm:a", "B": "clear text", "C": 1}},
        "b": None,
        "c": {"secrets": []},
    }
    assert references(services) == {"a": {"A": "ssm:a"}}


class TestHosts:
    """Hosts that exist already."""

    @pytest.mark.parametrize(
        ("facts", "key"),
        [
            ({"unreachable": True, "msg": "refused"}, "ssh"),
            ({"msg": "MODULE FAILURE", "module_stderr": "python3: not found"}, "python"),
            ({**HOST, "engine": {"installed": True, "answers": False, "error": "x"}}, "docker"),
            ({**HOST, "ports": {"80": {"by": "nginx", "app": ""}}}, "port 80"),
            ({**HOST, "ports": {"80": {"by": "container other-proxy", "app": "other"}}}, "port 80"),
            ({**HOST, "disk_free": GIB}, "disk"),
            ({**HOST, "architecture": "aarch64"}, "architecture"),
        ],
    )
    def test_what_stands_in_the_way(self, facts: dict[str, Any], key: str) -> None:
        (fault,) = preflight_hosts.check({"one": facts}, "goals", "amd64", 2)
        assert (fault.where, fault.key) == ("host one", key)

    @pytest.mark.parametrize(
        "facts",
        [
            HOST,
            {**HOST, "engine": {"installed": False, "answers": False, "error": ""}},
            {**HOST, "ports": {"80": {"by": "container goals-proxy", "app": "goals"}}},
        ],
    )
    def test_what_does_not(self, facts: dict[str, Any]) -> None:
        assert preflight_hosts.check({"one": facts}, "goals", "amd64", 2) == []


class TestAws:
    """What AWS answers, from its documented responses."""

    @pytest.mark.parametrize(
        ("error", "key"),
        [
            (NoCredentialsError(), "aws_connection"),
            (ProfileNotFound(profile="x"), "aws_connection"),
            (ClientError({"Error": {"Code": "ExpiredToken", "Message": "x"}}, "x"), "aws_connection"),
            (EndpointConnectionError(endpoint_url="https://sts"), "aws_connection.region"),
        ],
    )
    def test_why_it_does_not_answer(self, error: Exception, key: str) -> None:
        fault = preflight_aws.connection_fault(error, {"region": "eu-central-1"}, ORIGINS)
        assert fault.key == key
        assert fault.where == ORIGINS[key]

    def test_a_region_that_does_not_exist(self) -> None:
        fault = preflight_aws.unknown_region({"region": "eu-centrl-1"}, ORIGINS)
        assert fault is not None
        assert "eu-central-1" in fault.remedy
        assert preflight_aws.unknown_region({"region": "eu-central-1"}, {}) is None
        assert preflight_aws.unknown_region({"region": "lab", "endpoint_url": "http://x"}, {}) is None
        assert preflight_aws.unknown_region({}, {}) is not None

    def test_an_endpoint_that_is_down_is_known_soon(self) -> None:
        connection = {
            "region": "eu-central-1",
            "endpoint_url": "http://127.0.0.1:9",
            "access_key": "a",
            "secret_key": "b",
        }
        (fault,) = preflight_aws.check(environment(aws_connection=connection), {}, 1)
        assert fault.key == "aws_connection.endpoint_url"

    @pytest.fixture
    def ec2(self) -> Iterator[Stubber]:
        with Stubber(boto3.client("ec2", region_name="eu-central-1")) as stub:
            yield stub
            stub.assert_no_pending_responses()

    @pytest.mark.parametrize("found", [True, False])
    def test_machine_images(self, ec2: Stubber, found: bool) -> None:
        ec2.add_response(
            "describe_images",
            {"Images": [{}] if found else []},
            {"Filters": [{"Name": "name", "Values": ["debian-*"]}], "Owners": ["self"]},
        )
        wanted = {"machine_image": {"id": "", "name": "debian-*", "owners": ["self"]}}
        faults = list(preflight_aws.check_machine_image(wanted, {}, lambda _: ec2.client))
        assert [fault.key for fault in faults] == ([] if found else ["ec2_hosts_ami_name"])

    @pytest.mark.parametrize(("able", "faulty"), [(["x86_64"], False), (["arm64"], True)])
    def test_the_instance_type_s_processor(self, ec2: Stubber, able: list[str], faulty: bool) -> None:
        ec2.add_response(
            "describe_instance_types",
            {"InstanceTypes": [{"ProcessorInfo": {"SupportedArchitectures": able}}]},
            {"InstanceTypes": ["t3.small"]},
        )
        wanted = {"instance_type": "t3.small", "architecture": "amd64"}
        assert bool(list(preflight_aws.check_instance_type(wanted, {}, lambda _: ec2.client))) == faulty

    @pytest.mark.parametrize(
        ("status", "faulty"), [("ACTIVE", False), ("INACTIVE", False), ("DEPROVISIONING", True)]
    )
    def test_a_cluster_that_is_being_deleted(self, status: str, faulty: bool) -> None:
        with Stubber(boto3.client("ecs", region_name="eu-central-1")) as ecs:
            ecs.add_response(
                "describe_clusters",
                {"clusters": [{"clusterName": "goals-prod", "status": status}]},
                {"clusters": ["goals-prod"]},
            )
            found = list(preflight_aws.check_cluster({"cluster": "goals-prod"}, {}, lambda _: ecs.client))
        assert bool(found) == faulty
        assert list(preflight_aws.check_cluster({"cluster": ""}, {}, lambda _: ecs.client)) == []

    @pytest.mark.parametrize(
        ("database", "desired", "names", "told"),
        [
            ("atlas", 1, [{"portName": "mongodb"}], "migrate_database.yml"),
            ("atlas", 1, [], "migrate_database.yml"),
            ("atlas", 0, [], ""),
            ("container", 1, [], ""),
            ("container", 0, [], "set database to atlas"),
        ],
    )
    def test_a_database_without_the_environment_s_data(
        self, database: str, desired: int, names: list[dict[str, str]], told: str
    ) -> None:
        ecs = boto3.client("ecs", region_name="eu-central-1")
        connect = {"enabled": True, "services": names}
        described = {
            "serviceName": "mongodb",
            "status": "ACTIVE",
            "desiredCount": desired,
            "deployments": [{"status": "PRIMARY", "serviceConnectConfiguration": connect}],
        }
        wanted = environment(
            deploy_target="ecs", database=database, cluster="goals-prod", database_change=False
        )
        with Stubber(ecs) as stub:
            stub.add_response(
                "describe_services",
                {"services": [described]},
                {"cluster": "goals-prod", "services": ["mongodb"], "include": ["TAGS"]},
            )
            faults = list(preflight_aws.check_database(wanted, {}, lambda _: ecs))
        assert [told in fault.remedy for fault in faults] == ([True] if told else [])

    def test_a_database_that_may_change_is_not_asked_for(self) -> None:
        wanted = environment(deploy_target="ecs", database="atlas", database_change=True)
        with Stubber(boto3.client("ecs", region_name="eu-central-1")) as stub:
            assert list(preflight_aws.check_database(wanted, {}, lambda _: stub.client)) == []

    def test_every_permission_that_looking_needs_and_is_missing_is_named_at_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Denying:
            def get_caller_identity(self) -> None:
                """Let everybody know who they are."""

            def __getattr__(self, operation: str) -> Any:
                def deny(**_params: Any) -> None:
                    raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)

                return deny

        monkeypatch.setattr(preflight_aws, "clients", lambda *_: lambda _service: Denying())
        looked_up = environment(
            references={"web": {"KEY": "ssm:goals/key"}},
            secrets_generate={},
            machine_image={"id": "ami-1", "name": "", "owners": []},
            instance_type="t3.small",
            cluster="goals-prod",
        )
        faults = preflight_aws.check(looked_up, {}, 1)
        denied = ("get_parameters", "describe_images", "describe_instance_types", "describe_clusters")
        for fault, operation in zip(faults, denied, strict=True):
            assert operation in fault.problem
            assert "AccessDenied" in fault.problem

    def test_an_instance_type_that_the_region_lacks(self, ec2: Stubber) -> None:
        ec2.add_client_error("describe_instance_types", "InvalidInstanceType")
        wanted = {"instance_type": "t9.small", "architecture": "amd64"}
        (fault,) = preflight_aws.check_instance_type(wanted, {}, lambda _: ec2.client)
        assert fault.key == "ec2_hosts_instance_type"


class TestAction:
    """The whole of it through Ansible: variables, templates, and where they were written."""

    def play(self, folder: Path, variables: str) -> tuple[int, str]:
        (folder / "group_vars").mkdir()
        (folder / "group_vars" / "all.yml").write_text(variables)
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable, "app_project_dir": str(folder)},
            "roles": ["preflight"],
        }
        (folder / "play.yml").write_text(yaml.safe_dump([play]))
        done = subprocess.run(
            [
                Path(sys.executable).with_name("ansible-playbook"),
                "-i",
                "localhost,",
                folder / "play.yml",
                "--check",
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "DOCKER_HOST": f"unix://{folder}/none.sock",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def test_file_and_line_survive_templates(self, tmp_path: Path) -> None:
        code, output = self.play(
            tmp_path,
            "app_name: goals\n"
            "app_environment: dev\n"
            "deploy_target: devel\n"
            "app_production: false\n"
            "database: none\n"
            "database_service_name: mongodb\n"
            "database_service: {}\n"
            "listens: many\n"
            "elsewhere:\n"
            "  image: example/api:1\n"
            "  prot: 1\n"
            "app_services:\n"
            "  web:\n"
            "    image: example/web:1\n"
            '    port: "{{ listens }}"\n'
            '  api: "{{ elsewhere }}"\n'
            'aws_connection: {region: "{{ nonesuch }}"}\n',
        )
        assert code != 0
        for text in (
            "group_vars/all.yml:3: deploy_target",
            "group_vars/all.yml:15: app_services.web.port",
            "group_vars/all.yml:11: app_services.api.prot",
            "aws_connection\n",
            "'nonesuch' is undefined",
            "variable ssh_allowed_cidrs: ssh_allowed_cidrs",
            "this machine: docker",
        ):
            assert text in output
