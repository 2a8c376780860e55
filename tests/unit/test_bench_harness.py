"""What is measured is what was done: in turn, checked, and written only where every check held."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench import harness, peers, plot
from bench.harness import Benchmark, Contender, Target
from bench.memory import Peak

BENCHMARK = Benchmark(
    name="sums",
    title="Sums",
    scale="numbers",
    sizes=(1, 3),
    floor="floor",
    targets=(Target("ours", "floor", factor=8), Target("ours", "ours", factor=1.3, at=3, other_at=1)),
)


def figures(*seconds: float, **more: float) -> dict[str, Any]:
    return {**harness._figures([(each, each / 2) for each in seconds]), **more}


def points(**sizes: dict[str, float]) -> list[dict[str, Any]]:
    """Describe points by the medians of their contenders; `at_3` is the size 3."""
    return [
        {
            "size": int(size.removeprefix("at_")),
            "contenders": {name: figures(median) for name, median in medians.items()},
            "ratios": harness.ratios({name: figures(median) for name, median in medians.items()}),
        }
        for size, medians in sizes.items()
    ]


class Recorder:
    """Contenders that note what is done to them."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self.done: list[str] = []
        self.closed = False

    def contender(self, name: str, holds: bool = True) -> Contender:
        def note(what: str) -> None:
            self.done.append(f"{what} {name}")

        def check(answer: str) -> None:
            note(f"check {answer}")
            assert holds, f"{name} did not do the work"

        def run() -> str:
            note("run")
            time.sleep(0.005)
            return "it"

        return Contender(name, run, check, prepare=lambda: note("prepare"))

    def sizes(self, *contenders: Contender) -> Callable[[Sequence[int]], harness.Sizes]:
        def each(counts: Sequence[int]) -> harness.Sizes:
            try:
                for size in counts:
                    yield size, list(contenders)
            finally:
                self.closed = True
                self.left = sorted(path.name for path in self.results.iterdir())

        return each


def test_contenders_take_turns_after_one_that_is_not_timed(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    found = harness.measure([recorder.contender("ours"), recorder.contender("floor")], runs=2)
    turn = [f"{what} {name}" for name in ("ours", "floor") for what in ("prepare", "run", "check it")]
    assert recorder.done == turn * 3
    assert [len(each["seconds"]) for each in found.values()] == [2, 2]


def test_only_the_work_itself_is_timed() -> None:
    def wait() -> None:
        time.sleep(0.05)

    slow = Contender("ours", run=lambda: None, check=lambda _: wait(), prepare=wait)
    assert harness.measure([slow], runs=1)["ours"]["median_s"] < 0.02


def test_the_processor_time_is_that_of_the_children() -> None:
    busy = "import time\nwhile time.process_time() < 0.2: pass"
    contender = Contender(
        "ours", lambda: subprocess.run([sys.executable, "-c", busy], check=True), lambda _: None
    )
    assert 0.2 <= harness.measure([contender], runs=1)["ours"]["median_cpu_s"] < 1


def test_medians_and_ratios() -> None:
    found = {"ours": figures(1, 9, 2), "floor": figures(0.5, 0.5, 7), "peer": figures(4)}
    assert found["ours"]["median_s"] == 2
    assert found["ours"]["median_cpu_s"] == 1
    assert harness.ratios(found) == {"floor": 4, "peer": 0.5}


def test_targets_are_judged_at_their_sizes() -> None:
    judged = harness.judge(
        BENCHMARK.targets, points(at_1={"ours": 4, "floor": 1}, at_3={"ours": 6, "floor": 0.5})
    )
    assert [(each["claim"], each["limit"], each["met"]) for each in judged] == [
        ("time of ours at 1 <= 8 x floor", 8, True),
        ("time of ours at 3 <= 8 x floor", 4, False),
        ("time of ours at 3 <= 1.3 x ours at 1", 5.2, False),
    ]


def test_a_target_may_allow_so_much_more() -> None:
    target = Target("ours", "peer", plus=200, figure="peak_memory_mib")
    both = {"ours": figures(1, peak_memory_mib=450), "peer": figures(1, peak_memory_mib=300)}
    (judged,) = harness.judge([target], [{"size": 40, "contenders": both}])
    assert judged["claim"] == "memory of ours at 40 <= 1 x peer + 200 MiB"
    assert (judged["measured"], judged["limit"], judged["met"]) == (450, 500, True)


def test_what_was_not_measured_is_not_judged() -> None:
    judged = harness.judge(BENCHMARK.targets, points(at_3={"ours": 1}))
    assert judged == []


def test_a_check_that_fails_fails_the_whole_and_writes_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    contenders = recorder.contender("ours"), recorder.contender("floor", holds=False)
    with pytest.raises(AssertionError, match="floor did not do the work"):
        harness.run(BENCHMARK, recorder.sizes(*contenders), (1, 3), runs=2, results=tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert recorder.closed, "what was made for it is removed"


def test_the_results_hold_raw_times_machine_and_versions(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    contenders = recorder.contender("ours"), recorder.contender("floor")
    returned = harness.run(BENCHMARK, recorder.sizes(*contenders), (1, 3), runs=3, results=tmp_path)
    found = json.loads((tmp_path / "sums.json").read_text())
    assert found == returned
    assert [point["size"] for point in found["points"]] == [1, 3]
    for point in found["points"]:
        assert list(point["contenders"]) == ["ours", "floor"]
        assert len(point["contenders"]["ours"]["seconds"]) == 3
        assert list(point["ratios"]) == ["floor"]
    assert found["machine"]["cores"] >= 1
    assert {"slipway", "ansible-core", "pyinfra", "kamal"} <= set(found["versions"])
    assert len(found["targets"]) == 3
    assert recorder.left == ["sums.json", "sums.svg"], "what fails to be removed costs no results"
    ET.parse(tmp_path / "sums.svg")  # noqa: S314  # written above


def test_some_contenders_alone_may_run(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    contenders = recorder.contender("ours"), recorder.contender("floor")
    sizes = recorder.sizes(*contenders)
    found = harness.run(BENCHMARK, sizes, (1,), runs=1, only=["ours"], results=tmp_path)
    assert list(found["points"][0]["contenders"]) == ["ours"]


def test_the_table_says_what_is_missed() -> None:
    at = points(at_1={"ours": 9, "floor": 1})
    found = harness.document(BENCHMARK, 1, at)
    text = harness.table(found)
    assert "| 1 | ours | 9.00 | 9.00 | 9.00 | 4.50 |" in text
    assert "| 9.0 |" in text
    assert "MISSED: time of ours at 1 <= 8 x floor: 9 of 8" in text


@pytest.mark.parametrize(
    "sizes", [{"at_1": {"ours": 4, "floor": 1}}, {"at_1": {"ours": 4}, "at_3": {"ours": 5}}]
)
def test_a_plot_names_its_axes_and_contenders(sizes: dict[str, dict[str, float]]) -> None:
    drawing = plot.draw(harness.document(BENCHMARK, 5, points(**sizes)), floor="floor")
    texts = [each.text for each in ET.fromstring(drawing).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314
    assert {"Sums", "seconds of wall time", *sizes["at_1"]} <= set(texts)
    assert ("numbers" in texts) == (len(sizes) > 1)
    assert ("stroke-dasharray" in drawing) == ("floor" in sizes["at_1"])


def test_the_axis_ends_above_the_greatest_value() -> None:
    for most in (0.003, 0.7, 1, 4.9, 23.5, 260):
        marks = plot.ticks(most)
        assert marks[0] == 0
        assert marks[-1] >= most
        assert 2 <= len(marks) <= 6


def test_memory_is_that_of_all_descendants_also_of_orphans() -> None:
    hold = "import sys, time; held = bytearray(60 * 2**20); time.sleep(float(sys.argv[1]))"
    orphan = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {hold!r}, '1.5'])"
    with Peak() as peak:
        subprocess.run([sys.executable, "-c", orphan], check=True)
        subprocess.run([sys.executable, "-c", hold, "1"], check=True)
    assert 120 < peak.mib < 250


def test_the_lock_of_the_peers_holds_each_of_them_with_its_hash() -> None:
    wanted = set((harness.RESULTS.parent / "peers.in").read_text().split("\n")) - {""}
    names = {each.partition("==")[0] for each in wanted if not each.startswith("#")}
    assert names <= set(peers.locked())
    text = peers.LOCK.read_text()
    assert text.count("--hash=sha256:") >= len(peers.locked())
    assert "://" not in text
