"""The archives of modules that are kept from run to run: the run's time is less, and its work the same."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE = """
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.own.colours.plugins.module_utils.names import COLOUR

def main():
    AnsibleModule(argument_spec={}).exit_json(msg=COLOUR)

if __name__ == "__main__":
    main()
"""


class Project:
    """A project with a collection of its own, and the callback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plugins = folder / "collections/ansible_collections/own/colours/plugins"
        self.write("modules/colour.py", MODULE)
        self.write("module_utils/names.py", 'COLOUR = "green"')
        (folder / "ansible.cfg").write_text(
            f"[defaults]\ncollections_path = collections:{ROOT}/collections\n"
            "callbacks_enabled = slipway.core.built_modules\n[built_modules]\nfolder = kept\n"
        )

    def write(self, path: str, text: str) -> None:
        """Write a file of the collection."""
        (self.plugins / path).parent.mkdir(parents=True, exist_ok=True)
        (self.plugins / path).write_text(text)

    def run(self, **environment: str) -> str:
        """Run the module, and return all that Ansible says about it."""
        task = self.folder / "play.yml"
        task.write_text("[{hosts: localhost, gather_facts: false, tasks: [{own.colours.colour: {}}]}]")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        here = "localhost ansible_connection=local ansible_python_interpreter={{ansible_playbook_python}}"
        (self.folder / "hosts").write_text(here)
        done = subprocess.run(
            [ROOT / ".venv/bin/ansible-playbook", "-vvvvv", "-i", "hosts", str(task)],
            cwd=self.folder,
            env={**inherited, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def built(output: str) -> bool:
    """Whether Ansible searched for what a module imports."""
    return "Including module_utils file" in output


def test_what_was_built_serves_the_next_run_until_a_part_of_it_changes(project: Project) -> None:
    first = project.run()
    assert built(first)
    assert '"msg": "green"' in first
    second = project.run()
    assert not built(second)
    assert '"msg": "green"' in second
    project.write("module_utils/names.py", 'COLOUR = "brown"')
    third = project.run()
    assert '"msg": "brown"' in third
    assert not built(project.run())


def test_a_part_that_another_replaces_is_not_taken_from_what_was_kept(project: Project) -> None:
    project.run()
    own = project.folder / "own"
    own.mkdir()
    (own / "basic.py").write_text(
        "import os\n"
        "class AnsibleModule:\n"
        "    def __init__(self, **_): pass\n"
        "    def exit_json(self, msg):\n"
        """        print('{"msg": "replaced"}', flush=True)\n"""
        "        os._exit(0)\n"
    )
    environment = {"ANSIBLE_MODULE_UTILS": str(own)}
    for _ in range(2):
        assert '"msg": "replaced"' in project.run(**environment)
    assert '"msg": "green"' in project.run()


def test_a_routing_that_changes_is_followed(project: Project) -> None:
    project.run()
    project.write("module_utils/others.py", 'COLOUR = "blue"')
    project.write(
        "../meta/runtime.yml",
        "plugin_routing: {module_utils: {names: {redirect: own.colours.others}}}",
    )
    assert '"msg": "blue"' in project.run()


def test_what_is_damaged_is_built_again(project: Project) -> None:
    project.run()
    (kept,) = (project.folder / "kept").iterdir()
    kept.write_bytes(kept.read_bytes()[:-1])
    assert '"msg": "green"' in project.run()


def test_what_is_kept_is_for_its_owner_only(project: Project) -> None:
    project.run()
    assert (project.folder / "kept").stat().st_mode & 0o777 == 0o700
