"""The role preflight: converge has shown that a good environment passes; here one that is not, in the lab."""

import os
import subprocess
import sys
from pathlib import Path

SCENARIO = Path(__file__).parents[1]
ROOT = SCENARIO.parents[1]
BROKEN = """
app_services:
  web:
    image: "{{ base_images.nginx }}"
    replica: 2
    secrets:
      KEY: secretsmanager:molecule-preflight/nonesuch
ec2_hosts_ami_name: nonesuch-*
ssh_allowed_cidrs: []
"""


OPTIONS = """
ec2_hosts_count: two
docker_engine_source: distribtion
verify_timout: 5
alarms_limits: {cpus: 80}
images_extra: {proxy: "{{ nonesuch }}"}
images_password: [not-to-be-seen]
network_cidr: "{{ network_made.cidr }}"
"""


def play(*flags: str) -> tuple[int, str]:
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            f"--inventory={ROOT}/molecule/shared/lab",
            SCENARIO / "converge.yml",
            *flags,
        ],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_all_faults_together_and_nothing_else(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text(BROKEN)
    code, output = play("--extra-vars", f"@{broken}")
    assert code != 0
    assert "4 faults; nothing has been changed." in output
    for text in (
        f"{broken}:5: app_services.web.replica",
        f"{broken}:7 (AWS Secrets Manager): app_services.web.secrets.KEY",
        f"{broken}:8: ec2_hosts_ami_name",
        f"{broken}:9: ssh_allowed_cidrs",
    ):
        assert text in output


def test_options_of_all_roles_are_judged_with_all_else(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text(OPTIONS)
    code, output = play("--extra-vars", f"@{broken}")
    assert code != 0
    assert "6 faults; nothing has been changed." in output
    for text in (
        f"{broken}:2: ec2_hosts_count",
        f"{broken}:3: docker_engine_source",
        "write distribution",
        f"{broken}:4: verify_timout",
        "write verify_timeout",
        f"{broken}:5: alarms_limits.cpus",
        f"{broken}:6: images_extra",
        "'nonesuch' is undefined",
        f"{broken}:7: images_password",
    ):
        assert text in output
    assert "not-to-be-seen" not in output


def test_an_endpoint_that_is_down(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text(
        "aws_connection: {region: eu-central-1, access_key: a, secret_key: b, endpoint_url: 'http://127.0.0.1:9'}\n"
    )
    code, output = play("--check", "--extra-vars", f"@{broken}")
    assert code != 0
    assert "1 fault; nothing has been changed." in output
    assert f"{broken}:1: aws_connection.endpoint_url" in output


HOSTS = """
[app_hosts]
well ansible_connection=local
mute ansible_connection=local ansible_python_interpreter=/nonesuch/python
gone ansible_host=127.0.0.1 ansible_port=9 ansible_ssh_retries=0
"""


def test_hosts_are_looked_at_beside_each_other_and_judged_with_all_else(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(HOSTS)
    # The lab itself listens there.
    given = [f"--inventory={hosts}", "--extra-vars", "preflight_disk_gib=1000000 preflight_ports=4566"]
    code, output = play(*given)
    assert code != 0
    assert "4 faults; nothing has been changed." in output
    for text in (
        "host gone: ssh\n",
        "the host exists and cannot be reached: ",
        "host mute: python\n",
        "the host was reached and could not be looked at: ",
        "host well: disk\n",
        "host well: port 4566\n",
    ):
        assert text in output
    _, output = play(*given, "--limit", "localhost,well")
    assert "2 faults; nothing has been changed." in output, "of hosts that are left out nothing is asked"
