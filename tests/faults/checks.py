"""A release that goes through a fault, and what is seen of it."""

from __future__ import annotations

import json
import re
import secrets
import signal
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.e2e.environment import ROOT, Run
from tests.faults.matrix import BEFORE, EXPIRES, FREE, NEW, PREFLIGHT, SOME, Fault
from tests.faults.world import KEPT, World
from tests.probe import Probe

NAMED = re.compile(r"\((\w+)\)$", re.MULTILINE)
REPORT = re.compile(r"^Report: (\S+)\.html$", re.MULTILINE)


def goes_through(world: World, fault: Fault, log: Path) -> None:
    """Release a new version, let it go wrong, and see that all is as the table says."""
    before, environment = world.environment.variables, world.environment
    old, new = world.version, world.next_version
    described = {**before, "app_services": world.services(new, fault.keys, fault.others)}
    road = world.balancer
    with ExitStack() as stack:
        given = stack.enter_context(fault.given(world))
        stack.callback(environment.set, before)
        environment.set(described)
        served = world.serving()
        with Probe([f"{road}/version"], slow=[f"{road}/slow?ms=300"]) as probe:
            run = _run(world, fault, given, stack, log)
        serving = world.serving()
        lock = FREE if world.lock() == "free" else EXPIRES
    assert (run.returncode == 0) == (fault.cause == "" and not fault.signal), run.output
    for word in fault.told:
        assert word in run.output
    assert fault.lost == SOME or probe.result.failed == 0, (probe.result.as_dict(), run.output)
    assert not fault.moved or new in probe.result.versions, "it has never moved"
    versions = {{old: BEFORE, new: NEW}[each.version] for each in serving}
    assert versions <= set(fault.serving), run.output
    # On ECS, what goes back is other tasks of the same revision.
    assert world.target == "ecs" or fault.serving != (BEFORE,) or serving <= served, run.output
    assert lock == fault.lock
    if fault.signal or run.returncode == 0:
        environment.set(described)
    if fault.signal:
        following = environment.deploy(*world.arguments).succeeded()
        assert world.versions() == {new}
        # What it had begun, the next run says; it had nothing to say itself.
        cause = "interrupted" if "ended without a word" in following.output else ""
    else:
        cause = _cause(run, fault)
    assert cause == fault.cause, run.output


def is_whole_after(world: World, ended_by: signal.Signals, seconds: float) -> None:
    """End a release at a moment that nobody chose, and see that the next run makes all whole."""
    environment, moment = world.environment, secrets.SystemRandom().uniform(0, seconds)
    old, new = world.version, world.next_version
    environment.set({**environment.variables, "app_services": world.services(new)})
    told = f"{ended_by.name} {moment:.2f} s after the start of a run of {seconds:.0f} s"
    with Probe([f"{world.balancer}/version"], slow=[f"{world.balancer}/slow?ms=300"]) as probe:
        with environment.start("ansible-playbook", "deploy.yml", *world.arguments) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(moment)
            process.send_signal(ended_by)
        assert world.versions() <= {old, new}, told
        following = environment.deploy(*world.arguments)
        assert following.returncode == 0, f"{told}: {following.output}"
    assert probe.result.failed == 0, (told, probe.result.as_dict())
    assert world.versions() == {new}, told
    assert world.lock() == FREE, told
    assert environment.deploy("--check", *world.arguments).succeeded().changed() == {}, told


def releases_in_a_row(world: World, count: int) -> None:
    """Release so many versions, and see what is told of them and what is left of them."""
    before = world.environment.history()
    kept = []
    for _ in range(count):
        world.release().succeeded()
        kept.append(world.kept())
    told = world.environment.history()
    assert len(told) == len(before) + count
    newest_first = told[:count]
    assert newest_first == sorted(newest_first, reverse=True)
    assert all(re.search(r"  good in \d+ s  .*: web\.image", line) for line in newest_first), told
    assert kept[-1] == kept[KEPT], "it grows with each release"


def _run(world: World, fault: Fault, given: tuple[str, ...], stack: ExitStack, log: Path) -> Run:
    arguments = ("deploy.yml", *world.arguments, *fault.arguments, *given)
    with (
        log.open("w") as output,
        world.environment.start("ansible-playbook", *arguments, output=output.fileno()) as process,
    ):
        if fault.at:
            _await(process, log, f"TASK [{fault.at}", fault.turn)
            stack.enter_context(fault.goes_wrong(world))
        if fault.signal:
            process.send_signal(fault.signal)
    return Run(process.returncode, log.read_text())


def _await(process: subprocess.Popen[str], log: Path, told: str, times: int) -> None:
    while (text := log.read_text()).count(told) < times:
        assert process.poll() is None, text
        time.sleep(0.02)


def _cause(run: Run, fault: Fault) -> str:
    """Return the class of the cause that screen and report name."""
    if run.returncode == 0:
        return ""
    ending = run.output.partition("PLAY RECAP")[2]
    if "\npreflight : " in ending:
        return PREFLIGHT
    named = NAMED.search(ending)
    assert named, f"no cause is named: {run.output}"
    kept = REPORT.search(ending)
    if kept:
        record = json.loads((ROOT / f"{kept[1]}.json").read_text())
        assert record["failure"]["cause"] == named[1]
        assert record["returned"] == fault.returned
    return named[1]
