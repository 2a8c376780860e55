"""What every benchmark shares: contenders do the same work in turn, and each must show that it did it.

A benchmark is a module with a `BENCHMARK` and a function that yields, for each size asked for, the contenders
at that size. `main` measures them and writes bench/results/NAME.json and NAME.svg; nothing is written unless
every check of every run held.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import itertools
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench import peers, plot
from bench.memory import Peak

RESULTS = Path(__file__).parent / "results"
RUNS = 5
#: The exit code where everything was measured and a target was missed.
MISSED = 3

Figures = dict[str, Any]
Points = list[dict[str, Any]]


def nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    `prepare` is not timed; `run` is, and raises where the work fails; `check` gets what `run` returned, asks
    from outside whether the work is done, and raises AssertionError where it is not.
    """

    name: str
    run: Callable[[], Any]
    check: Callable[[Any], None]
    prepare: Callable[[], None] = nothing


@dataclass(frozen=True)
class Target:
    """At most: a figure of one contender <= `factor` times that of another + `plus`.

    It holds at every size, or at size `at`, where the other is looked at at size `other_at`.
    """

    of: str
    other: str
    factor: float = 1.0
    plus: float = 0.0
    figure: Literal["median_s", "peak_memory_mib"] = "median_s"
    at: int | None = None
    other_at: int | None = None

    def claim(self, at: int, other_at: int) -> str:
        """Say it in a line."""
        unit = "s" if self.figure == "median_s" else "MiB"
        limit = f"{self.factor:g} x {self.other}" + (f" at {other_at}" if other_at != at else "")
        more = f" + {self.plus:g} {unit}" if self.plus else ""
        return f"{'time' if unit == 's' else 'memory'} of {self.of} at {at} <= {limit}{more}"


@dataclass(frozen=True)
class Benchmark:
    """What is compared.

    `scale` names what there is more or less of, `option` is the command line's word for it, `sizes` are how
    many unless that says otherwise. `floor` is the contender that nobody can beat.
    """

    name: str
    title: str
    scale: str
    sizes: Sequence[int]
    option: str = "of"
    floor: str = ""
    memory: bool = False
    targets: Sequence[Target] = field(default_factory=list)


def children_cpu() -> float:
    """Return the processor seconds of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def once(contender: Contender) -> tuple[float, float]:
    """Let a contender do the work and return its seconds of wall time and of the processor."""
    contender.prepare()
    cpu, began = children_cpu(), time.perf_counter()
    answer = contender.run()
    seconds, cpu = time.perf_counter() - began, children_cpu() - cpu
    contender.check(answer)
    return seconds, cpu


def measure(contenders: Sequence[Contender], runs: int, *, memory: bool = False) -> dict[str, Figures]:
    """Let all contenders do the work in turn, `runs` times, and return the figures of each.

    Before that, each does it once and is not timed, so that none finds less in place than the others. Memory
    is sampled in a turn of its own, because that takes time.
    """
    for contender in contenders:
        once(contender)
    taken: dict[str, list[tuple[float, float]]] = {contender.name: [] for contender in contenders}
    for _ in range(runs):
        for contender in contenders:
            taken[contender.name].append(once(contender))
    figures = {name: _figures(each) for name, each in taken.items()}
    for contender in contenders if memory else ():
        contender.prepare()
        with Peak() as peak:
            answer = contender.run()
        contender.check(answer)
        figures[contender.name]["peak_memory_mib"] = round(peak.mib, 1)
    return figures


def _figures(taken: Sequence[tuple[float, float]]) -> Figures:
    seconds, cpu = ([round(value, 3) for value in values] for values in zip(*taken, strict=True))
    return {
        "seconds": seconds,
        "median_s": round(statistics.median(seconds), 3),
        "cpu_seconds": cpu,
        "median_cpu_s": round(statistics.median(cpu), 3),
    }


def ratios(figures: Mapping[str, Figures]) -> dict[str, float]:
    """Return the median of the first contender, which is ours, over that of each other one."""
    ours, *others = figures
    return {name: round(figures[ours]["median_s"] / figures[name]["median_s"], 3) for name in others}


def judge(targets: Sequence[Target], points: Points) -> list[dict[str, Any]]:
    """Compare what was measured with the targets, as far as both contenders were measured at these sizes."""
    found = {point["size"]: point["contenders"] for point in points}
    judged = []
    for target in targets:
        for size in found if target.at is None else [target.at]:
            beside = size if target.other_at is None else target.other_at
            ours, other = found.get(size, {}).get(target.of), found.get(beside, {}).get(target.other)
            if ours is None or other is None:
                continue
            limit = target.factor * other[target.figure] + target.plus
            measured = ours[target.figure]
            judged.append(
                {
                    "claim": target.claim(size, beside),
                    "measured": measured,
                    "limit": round(limit, 3),
                    "met": measured <= limit,
                }
            )
    return judged


def machine() -> dict[str, Any]:
    """Describe the machine that is measured on."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "cpu": model[1] if model else platform.machine(),
        "memory_mib": memory // 2**20,
        "kernel": platform.release().partition("-")[0],
    }


def versions() -> dict[str, str]:
    """Return the versions of Slipway, of what it stands on, and of the peers."""
    described = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(described, check=True, capture_output=True, text=True, cwd=Path(__file__).parent)
    own = {name: importlib.metadata.version(name) for name in ("ansible-core", "ansible", "boto3")}
    names = ("awscli", "ecs-deploy", "kamal", "mitogen", "pyinfra")
    return {
        "slipway": commit.stdout.strip(),
        "python": platform.python_version(),
        **own,
        **{name: version for name, version in peers.locked().items() if name in names},
    }


def document(benchmark: Benchmark, runs: int, points: Points) -> dict[str, Any]:
    """Return everything that a run of a benchmark has to say."""
    return {
        "benchmark": benchmark.name,
        "title": benchmark.title,
        "scale": benchmark.scale,
        "runs": runs,
        "machine": machine(),
        "versions": versions(),
        "points": points,
        "targets": judge(benchmark.targets, points),
    }


def table(found: Mapping[str, Any]) -> str:
    """Render what a run has to say as Markdown."""
    heads = [found["scale"], "contender", "median s", "least", "most", "CPU s", "memory MiB", "ours / it"]
    rows = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for point in found["points"]:
        for name, figures in point["contenders"].items():
            seconds = figures["seconds"]
            cells = [
                point["size"],
                name,
                f"{figures['median_s']:.2f}",
                f"{min(seconds):.2f}",
                f"{max(seconds):.2f}",
                f"{figures['median_cpu_s']:.2f}",
                figures.get("peak_memory_mib", ""),
                point["ratios"].get(name, ""),
            ]
            rows.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    verdicts = [
        f"{'met' if each['met'] else 'MISSED'}: {each['claim']}: {each['measured']:g} of {each['limit']:g}"
        for each in found["targets"]
    ]
    return "\n".join([*rows, "", *verdicts])


Sizes = Generator[tuple[int, list[Contender]]]


def run(
    benchmark: Benchmark,
    sizes: Callable[[Sequence[int]], Sizes],
    counts: Sequence[int],
    runs: int,
    *,
    only: Sequence[str] = (),
    results: Path = RESULTS,
) -> dict[str, Any]:
    """Measure at each size, write results and plot, and return the former.

    Raises:
        AssertionError: a check did not hold; nothing was written.
    """
    points: Points = []
    # Whatever happens, what it made is removed, which may fail only after the results are written.
    with contextlib.closing(sizes(counts)) as made:
        for size, contenders in itertools.islice(made, len(counts)):
            taking_part = [each for each in contenders if not only or each.name in only]
            figures = measure(taking_part, runs, memory=benchmark.memory)
            points.append({"size": size, "contenders": figures, "ratios": ratios(figures)})
        found = document(benchmark, runs, points)
        drawing = plot.draw(found, floor=benchmark.floor)
        results.mkdir(exist_ok=True)
        (results / f"{benchmark.name}.json").write_text(json.dumps(found, indent=2) + "\n")
        (results / f"{benchmark.name}.svg").write_text(drawing)
    return found


def main(benchmark: Benchmark, sizes: Callable[[Sequence[int]], Sizes], about: str | None) -> int:
    """Measure as the command line says, print a table, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog=f"python -m bench.{benchmark.name}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=RUNS, help="timed runs of each contender (%(default)s)")
    parser.add_argument(
        f"--{benchmark.option}",
        dest="sizes",
        type=int,
        nargs="+",
        default=list(benchmark.sizes),
        metavar="N",
        help=f"how many {benchmark.scale} (%(default)s)",
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="let these contenders alone run"
    )
    options = parser.parse_args()
    # Without what Python keeps compiled, each start of Ansible or of a peer takes a second more.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    found = run(benchmark, sizes, sorted(options.sizes), options.runs, only=options.only)
    print(table(found))
    return 0 if all(each["met"] for each in found["targets"]) else MISSED
