"""The gates of a release: once, before anything new serves, on the new image with the new environment."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from plugins.module_utils.host_converge import Release
from plugins.module_utils.host_effects import Host
from plugins.module_utils.host_plan import Gate, Wanted
from plugins.module_utils.release_failure import Failure, ReleaseFailure
from tests.host.release_lab import IMPATIENT, Application, web

ROOT = Path(__file__).parents[2]


def script(text: str, timeout: float = 30) -> Gate:
    """Describe a gate of the application's own language."""
    return Gate("migrate", ["node", "-e", text], timeout)


def gated(version: str, gate: Gate, **changes: Any) -> Wanted:
    return web(version, gates=[gate], **changes)


def attempt(
    application: Application, *containers: Wanted, **changes: object
) -> tuple[Release, Failure | None]:
    """Make a release, and return it with why it failed."""
    release = Release(application.engine, Host(), application.desired(*containers, **changes))
    try:
        release.run()
    except ReleaseFailure as error:
        return release, error.failure
    return release, None


def left(application: Application) -> list[str]:
    return [entry["Names"][0] for entry in application.engine.containers("slipway.role=gate")]


def test_a_gate_runs_once_before_the_first_release_too(application: Application) -> None:
    gate = script("console.log(process.env.VERSION, process.env.LEVEL, process.env.TOKEN)")
    wanted = gated("0", gate, environment={"LEVEL": "high"})
    secrets = {"web": {"TOKEN": "never-shown"}}
    planned = application.release(wanted, secrets=secrets, check_mode=True)
    assert "run the task migrate of web" in planned.actions
    release, failure = attempt(application, wanted, secrets=secrets)
    assert failure is None
    (run,) = release.gates.runs
    assert run["log"] == ["0 high (secret)"]
    assert (run["passed"], run["skipped"], run["exit_code"]) == (True, False, 0)
    assert not application.release(wanted, secrets=secrets).changed
    assert left(application) == []


def test_a_gate_that_fails_leaves_the_old_version_and_runs_again(application: Application) -> None:
    application.release(web("0"))
    old = application.containers()
    gate = script("console.error('no such table'); process.exit(7)")
    for _ in range(2):
        release, failure = attempt(application, gated("1", gate))
        assert failure is not None
        assert (failure.cause, failure.exit_code, failure.log) == ("gate_failed", 7, ["no such table"])
        assert [run["skipped"] for run in release.gates.runs] == [False]
    assert application.containers() == old
    assert application.get()["version"] == "0"
    assert left(application) == []


def test_what_passed_is_not_run_again_when_the_release_fails_later(application: Application) -> None:
    sick = gated("0", script(""), environment={"SICK": "yes"}, health_check=IMPATIENT)
    first, failure = attempt(application, sick)
    second, again = attempt(application, sick)
    assert failure is not None
    assert again is not None
    assert failure.cause == again.cause == "health_check"
    assert [run["skipped"] for run in [*first.gates.runs, *second.gates.runs]] == [False, True]
    well, _ = attempt(application, gated("0", script("")))
    assert [run["skipped"] for run in well.gates.runs] == [False], "another environment is another release"


def test_a_gate_that_does_not_end_is_ended(application: Application) -> None:
    _, failure = attempt(application, gated("0", script("setInterval(() => 0, 9e6)", timeout=1)))
    assert failure is not None
    assert failure.summary == "The task migrate of web did not end in 1 s"
    assert left(application) == []


def test_a_gate_waits_for_what_its_service_depends_on(application: Application) -> None:
    ask = (
        "fetch('http://base:8000/health').then(a => process.exit(a.ok ? 0 : 1))"
        ".catch(e => { console.log(e.cause.code); process.exit(2) })"
    )
    late = web("0", service="base", environment={"START_DELAY": "1500"})
    release, failure = attempt(application, late, gated("0", script(ask), depends_on=["base"]))
    assert failure is None, failure
    assert release.gates.runs[0]["passed"]


def test_a_gate_of_a_killed_run_is_waited_for(application: Application) -> None:
    # A container's host name is the beginning of its id.
    begun = "console.log(require('node:os').hostname()); setTimeout(() => 0, 4000)"
    code = (
        "import sys; from pathlib import Path; from tests.host.release_lab import Application;"
        "from tests.host.test_host_gate import gated, script;"
        "a = Application(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]));"
        f"a.release(gated('0', script({begun!r})))"
    )
    arguments = [str(application.directory), application.name, str(application.port)]
    with subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT) as run:
        deadline = time.monotonic() + 30
        while (
            not (found := application.engine.containers("slipway.role=gate"))
            or found[0]["State"] != "running"
        ):
            assert time.monotonic() < deadline, "the run starts no gate"
            time.sleep(0.1)
        run.send_signal(signal.SIGKILL)
    release, failure = attempt(application, gated("0", script(begun)))
    assert failure is None, failure
    assert found[0]["Id"].startswith(release.gates.runs[0]["log"][0]), "the same one, not another"
    assert left(application) == []
