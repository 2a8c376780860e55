"""Preflight knows every option of every role: wrong values, wrong names, and nothing else."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret, VaultSecretsContext
from ansible.template import Templar

from plugins.action.preflight import Variables
from plugins.module_utils import preflight_specs
from plugins.module_utils.faults import Fault, render
from plugins.module_utils.preflight_options import read
from plugins.module_utils.preflight_specs import Specs, load

ROOT = Path(__file__).parents[2]
SPECS = load(ROOT, Path(os.devnull))
SECRET = VaultSecret(b"password")
HUSH = "the-value-itself"
OVEN = {
    "heat": {"type": "int", "required": True, "description": "Degrees."},
    "mode": {"type": "str", "choices": ["grill", "fan"], "description": "How."},
    "trays": {
        "type": "list",
        "elements": "dict",
        "description": "What is in it.",
        "options": {"level": {"type": "int", "description": "Where."}},
    },
    "code": {"type": "int", "no_log": True, "description": "The child lock's."},
}
# Another project's roles, of which one name is the beginning of the other.
ROLES: dict[str, Any] = {
    "oven": {"main": {"oven_settings": {"type": "dict", "options": OVEN, "description": "Its settings."}}},
    "oven_timer": {"main": {"oven_timer_seconds": {"type": "int", "description": "How long. No more."}}},
}
KITCHEN = Specs(ROLES, frozenset({"oven_settings", "oven_made", "oven_lamp_enabled", "oven_timer_seconds"}))


class Written:
    """Variables as somebody has written them into a file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "vars.yml"
        self.loader = DataLoader()
        self.loader.set_vault_secrets([("default", SECRET)])

    def faults(self, text: str, specs: Specs = KITCHEN, **given: Any) -> list[Fault]:
        """Give the faults of what is written, and see that all of their parts are filled in."""
        self.file.write_text(text)
        found = self.of({**given, **self.load(self.file)}, specs)
        assert all(fault.where and fault.problem and fault.expected and fault.remedy for fault in found)
        assert HUSH not in render(found)
        return found

    def load(self, file: Path) -> dict[str, Any]:
        """Read a file as Ansible reads those of inventories."""
        variables: dict[str, Any] = self.loader.load_from_file(
            str(file), cache="none", trusted_as_template=True
        )
        return variables

    def of(self, variables: Mapping[str, Any], specs: Specs) -> list[Fault]:
        templar = Templar(loader=self.loader, variables=dict(variables))
        found = Variables(templar, variables, str(self.file.parent), specs)
        found.read_options(ROOT)
        return found.faults


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    # What ansible-playbook sets once for itself.
    monkeypatch.setattr(VaultSecretsContext, "_current", VaultSecretsContext([("default", SECRET)]))
    return Written(tmp_path)


def vaulted(name: str, value: str = HUSH) -> str:
    """Give a variable as `ansible-vault encrypt_string` prints it."""
    text = VaultLib([("default", SECRET)]).encrypt(value).decode()
    return f"{name}: !vault |\n" + "".join(f"  {line}\n" for line in text.splitlines())


class TestValues:
    """A value is what its argument spec says."""

    @pytest.mark.parametrize(
        ("line", "fault"),
        [
            (
                "oven_timer_seconds: soon",
                (
                    "oven_timer_seconds",
                    "text: 'soon'",
                    "a whole number (How long)",
                    "correct oven_timer_seconds",
                ),
            ),
            (
                "oven_settings: {heat: 1, mode: gril}",
                (
                    "oven_settings.mode",
                    "text: 'gril'",
                    "one of grill, fan (How)",
                    "write grill",
                ),
            ),
            (
                "oven_settings: {heat: 1, mood: fan}",
                (
                    "oven_settings.mood",
                    "a key that does not exist",
                    "one of heat, mode, trays, code",
                    "write mode",
                ),
            ),
            (
                "oven_settings: {mode: fan}",
                (
                    "oven_settings.heat",
                    "nothing: the key is missing",
                    "Degrees",
                    "add heat",
                ),
            ),
            (
                "oven_settings: {heat: 1, trays: [{level: 1}, {level: top}]}",
                (
                    "oven_settings.trays[1].level",
                    "text: 'top'",
                    "a whole number (Where)",
                    "correct oven_settings.trays[1].level",
                ),
            ),
            (
                "oven_settings: {heat: 1, code: the-value-itself}",
                (
                    "oven_settings.code",
                    "text, not shown because it may be a secret",
                    "a whole number (The child lock's)",
                    "correct oven_settings.code",
                ),
            ),
        ],
    )
    def test_what_is_wrong(self, written: Written, line: str, fault: tuple[str, str, str, str]) -> None:
        assert written.faults(f"---\n{line}\n") == [Fault("vars.yml:2", *fault)]

    def test_all_of_it_at_once(self, written: Written) -> None:
        faults = written.faults(
            "oven_settings: {heat: warm, mode: gas}\noven_timer_seconds: soon\noven_tmier: 1\n"
        )
        assert [fault.key for fault in faults] == [
            "oven_settings.heat",
            "oven_settings.mode",
            "oven_timer_seconds",
            "oven_tmier",
        ]

    @pytest.mark.parametrize(
        "text",
        [
            "oven_timer_seconds: 5",
            "oven_timer_seconds: '5'",
            "oven_timer_seconds: null",
            "oven_timer_seconds: '{{ 2 + 3 }}'",
            "oven_timer_seconds: '{{ nonesuch | default(omit) }}'",
            "oven_settings: {heat: 1, trays: [{level: 1}, {}]}",
        ],
    )
    def test_what_is_not(self, written: Written, text: str) -> None:
        assert written.faults(f"{text}\n") == []

    @pytest.mark.parametrize("kind", ["bool", "dict", "float", "int", "list", "path", "raw", "str"])
    @pytest.mark.parametrize(
        "value", [None, "", "a", "a=b", "5", "no", 5, 5.5, True, [], ["a"], {}, {"a": 1}]
    )
    def test_ansible_judges_alike(self, kind: str, value: Any) -> None:
        """But for one thing: Ansible makes text of everything."""
        for option in ({"type": kind}, {"type": "list", "elements": kind}):
            given = value if option["type"] == kind and "elements" not in option else [value]
            refused = bool(ArgumentSpecValidator({"x": option}).validate({"x": given}).error_messages)
            unfit = kind in ("path", "str") and isinstance(value, (dict, list))
            assert bool(read("x", given, option, {}, lambda _: False)[1]) == (refused or unfit)

    def test_what_only_ansible_knows_of_is_said_in_its_words(self) -> None:
        option = {
            "type": "dict",
            "options": {"a": {"type": "str"}, "b": {"type": "str"}},
            "mutually_exclusive": [["a", "b"]],
            "description": "Either.",
        }
        (fault,) = read("x", {"a": HUSH, "b": ""}, option, {}, lambda _: False)[1]
        assert fault.problem.startswith("parameters are mutually exclusive")
        (fault,) = read("x", {"a": HUSH, "b": ""}, option, {}, lambda value: value == HUSH)[1]
        assert fault.problem == "not what is expected"


class TestTemplates:
    """What cannot be evaluated is a fault; what only a later step can evaluate is none."""

    @pytest.mark.parametrize(
        "text", ["{{ nonesuch }}", "{{ 1 / 0 }}", "{{ mine.nonesuch }}", "{{ 'x' | nonesuch }}"]
    )
    def test_what_cannot_be_evaluated(self, written: Written, text: str) -> None:
        (fault,) = written.faults(f'mine: {{}}\noven_timer_seconds: "{text}"\n')
        assert (fault.where, fault.key) == ("vars.yml:2", "oven_timer_seconds")
        assert fault.problem.startswith("it cannot be evaluated: ")

    @pytest.mark.parametrize(
        "text",
        ["{{ oven_made.seconds }}", "{{ mine }}", "{{ ansible_facts.seconds }}", "{{ ec2_instance_id }}"],
    )
    def test_what_only_a_later_step_knows(self, written: Written, text: str) -> None:
        assert written.faults(f'mine: "{{{{ oven_made.seconds }}}}"\noven_timer_seconds: "{text}"\n') == []

    def test_defaults_of_roles_are_nobody_s_fault(self, written: Written) -> None:
        defaults = written.load(ROOT / "roles/network/defaults/main.yml")
        assert written.of(defaults, SPECS) == []

    def test_hosts_are_judged_once_for_what_they_share(self, written: Written) -> None:
        written.file.write_text("oven_timer_seconds: soon\n")
        shared = written.load(written.file)
        found = Variables(Templar(written.loader, shared), shared, str(written.file.parent), KITCHEN)
        own = written.file.with_name("host.yml")
        own.write_text("oven_settings: {heat: '{{ here }}'}\nhere: warm\n")
        for _ in range(2):
            host = {**shared, **written.load(own)}
            found.of_host(Templar(written.loader, host), host).read_options(ROOT)
        assert [fault.key for fault in found.faults] == ["oven_timer_seconds", "oven_settings.heat"]


class TestSecrets:
    """No value is shown that may be a secret."""

    @pytest.mark.parametrize(
        "text",
        [
            vaulted("oven_timer_seconds"),
            vaulted("mine") + 'oven_timer_seconds: "{{ mine }}"\n',
            vaulted("mine") + 'yours: "pre-{{ mine }}"\noven_timer_seconds: "{{ yours | upper | lower }}"\n',
            vaulted("mine") + 'oven_settings: {heat: 1, mode: "pre-{{ mine }}"}\n',
            vaulted("mine") + 'oven_timer_seconds: "{{ mine | from_json }}"\n',
        ],
    )
    def test_a_vaulted_one(self, written: Written, text: str) -> None:
        (fault,) = written.faults(text)
        assert "not shown" in fault.problem

    def test_a_file_that_is_vaulted_as_a_whole(self, written: Written) -> None:
        text = VaultLib([("default", SECRET)]).encrypt(f"oven_timer_seconds: {HUSH}\n").decode()
        (fault,) = written.faults(text)
        assert "not shown" in fault.problem

    def test_beside_it_all_is_shown(self, written: Written) -> None:
        (fault,) = written.faults(vaulted("mine") + "oven_settings: {heat: warm}\n")
        assert fault.problem == "text: 'warm'"


class TestNames:
    """A name that begins as a role's and is no option is misspelled."""

    @pytest.mark.parametrize(
        ("name", "owner", "remedy"),
        [
            ("oven_setings", "oven", "write oven_settings"),
            ("oven_timer_second", "oven_timer", "write oven_timer_seconds"),
            ("oven_lamp_enabeld", "oven", "write oven_lamp_enabled"),
            ("oven_xyz", "oven", "remove or rename it"),
            # Nobody sets what a role publishes.
            ("oven_mad", "oven", "remove or rename it"),
        ],
    )
    def test_a_misspelled_one(self, written: Written, name: str, owner: str, remedy: str) -> None:
        (fault,) = written.faults(f"\n{name}: true\n")
        assert fault.where in ("vars.yml:2", f"variable {name}")
        assert f"the role {owner} has no such option" in fault.problem
        assert (fault.key, fault.remedy) == (name, remedy)

    @pytest.mark.parametrize(
        "text",
        [
            "oven_lamp_enabled: true",
            "__oven_mine: 1",
            "oven: 1",
            "kitchen_oven_mine: 1",
            "oven_mine: 5\noven_timer_seconds: '{{ oven_mine }}'",
        ],
    )
    def test_what_is_none(self, written: Written, text: str) -> None:
        assert written.faults(f"{text}\n") == []


def described() -> list[Path]:
    """Give each folder of group_vars that an environment of the project or an example has."""
    return sorted([*ROOT.glob("inventories/*/group_vars"), *ROOT.glob("examples/*/group_vars")])


@pytest.mark.parametrize("folder", described(), ids=lambda folder: folder.parent.name)
def test_the_project_s_own_environments_have_no_faults(written: Written, folder: Path) -> None:
    variables: dict[str, Any] = {
        "ansible_config_file": str(ROOT / "ansible.cfg"),
        "ansible_playbook_python": "python",
    }
    files = [*sorted(ROOT.glob("group_vars/all/*.yml")), *sorted(folder.glob("*.yml"))]
    for file in files:
        variables |= written.load(file)
    assert any(SPECS.role_of(name) for name in variables)
    assert written.of(variables, SPECS) == []


@pytest.mark.parametrize(
    "name",
    [
        "release_batch",
        "release_probe",
        "release_error_budget",
        "atlas_removed",
        "images_made",
        "network_made",
    ],
)
def test_what_playbooks_and_roles_read_is_known(name: str) -> None:
    assert name in SPECS.names


class TestKept:
    """What was read of the specs is kept, and believed while nothing differs."""

    @pytest.fixture
    def project(self, tmp_path: Path) -> Path:
        folder = tmp_path / "roles/oven/meta"
        folder.mkdir(parents=True)
        (folder / "argument_specs.yml").write_text(
            "argument_specs: {main: {options: {oven_heat: {type: int}}}}\n"
        )
        (tmp_path / "playbooks").mkdir()
        return tmp_path

    @pytest.fixture
    def kept(self, project: Path) -> Path:
        return project / ".cache/options.json"

    def test_it_is_read_once(self, project: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        first = load(project, kept)
        assert first.options("oven") == {"oven_heat": {"type": "int"}}
        monkeypatch.setattr(preflight_specs, "_compiled", None)
        assert load(project, kept) == first
        assert [path.name for path in kept.parent.iterdir()] == [kept.name]

    def test_a_changed_file_counts(self, project: Path, kept: Path) -> None:
        load(project, kept)
        file = project / "roles/oven/meta/argument_specs.yml"
        times = file.stat().st_mtime_ns
        file.write_text(file.read_text().replace("int", "str"))
        os.utime(file, ns=(times + 1, times + 1))
        assert load(project, kept).options("oven") == {"oven_heat": {"type": "str"}}

    def test_a_new_file_counts(self, project: Path, kept: Path) -> None:
        load(project, kept)
        (project / "playbooks/bake.yml").write_text("when: oven_lit\n")
        assert "oven_lit" in load(project, kept).names

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"for": {}}'])
    def test_what_is_damaged_is_not_believed(self, project: Path, kept: Path, text: str) -> None:
        expected = load(project, kept)
        kept.write_text(text)
        assert load(project, kept) == expected

    def test_a_folder_that_cannot_be_written_to(self, project: Path) -> None:
        (project / "file").touch()
        assert load(project, project / "file/options.json").roles
