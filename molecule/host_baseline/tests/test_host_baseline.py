"""The host as the role leaves it."""

from __future__ import annotations

import pytest
from testinfra.host import Host


def apt_setting(host: Host, name: str) -> str:
    output: str = host.check_output(f"apt-config dump --no-empty --format '%v%n' {name}")
    return output


def test_it_is_up_to_date_with_security_updates(host: Host) -> None:
    dry_run = host.check_output("LC_ALL=C unattended-upgrade --dry-run --verbose")
    assert "No packages found that can be upgraded unattended" in dry_run


def test_updates_come_by_night_and_never_restart_the_host(host: Host) -> None:
    assert apt_setting(host, "APT::Periodic::Unattended-Upgrade") == "1"
    assert apt_setting(host, "APT::Periodic::Update-Package-Lists") == "1"
    assert apt_setting(host, "Unattended-Upgrade::Automatic-Reboot") == "false"
    assert host.service("apt-daily-upgrade.timer").is_enabled


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("passwordauthentication", "no"),
        ("kbdinteractiveauthentication", "no"),
        ("permitemptypasswords", "no"),
        ("permitrootlogin", "no"),
        ("x11forwarding", "no"),
        ("allowagentforwarding", "no"),
        ("allowtcpforwarding", "no"),
        ("logingracetime", "30"),
        ("pubkeyauthentication", "yes"),
    ],
)
def test_sshd_is_hardened(host: Host, keyword: str, value: str) -> None:
    assert f"{keyword} {value}" in host.check_output("sshd -T").splitlines()


def test_the_running_sshd_lets_a_key_in_and_root_out(host: Host) -> None:
    host.check_output(
        'sh -c \'rm -f /root/try && ssh-keygen -q -t ed25519 -N "" -f /root/try'
        " && for home in /root /home/admin; do"
        " mkdir -p $home/.ssh && cp /root/try.pub $home/.ssh/authorized_keys; done"
        " && chown -R admin: /home/admin/.ssh && chmod 700 /root/.ssh /home/admin/.ssh'"
    )
    ssh = "ssh -i /root/try -o BatchMode=yes -o StrictHostKeyChecking=accept-new"
    assert host.check_output(f"{ssh} admin@127.0.0.1 id -un") == "admin"
    refused = host.run(f"{ssh} root@127.0.0.1 id -un")
    assert refused.rc == 255
    assert "Permission denied (publickey)" in refused.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("net.ipv4.conf.all.accept_redirects", 0),
        ("net.ipv4.conf.all.log_martians", 1),
        ("net.ipv4.conf.all.send_redirects", 0),
    ],
)
def test_kernel_settings_are_in_force_and_kept(host: Host, name: str, value: int) -> None:
    assert host.sysctl(name) == value
    assert host.file("/etc/sysctl.d/60-slipway.conf").contains(f"^{name} = {value}$")


def test_the_clock_is_kept_by_the_named_server(host: Host) -> None:
    assert host.service("systemd-timesyncd").is_enabled
    assert "NTP=169.254.169.123" in host.check_output("systemd-analyze cat-config systemd/timesyncd.conf")


def test_the_journal_is_limited(host: Host) -> None:
    assert "SystemMaxUse=64M" in host.check_output("systemd-analyze cat-config systemd/journald.conf")
    assert host.service("systemd-journald").is_running
