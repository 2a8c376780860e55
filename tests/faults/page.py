"""The tables of docs/faults.md, written by python -m tests.faults.page."""

from pathlib import Path

from tests.faults.matrix import FAULTS, rows

PAGE = Path(__file__).parents[2] / "docs/faults.md"


def page() -> str:
    """Return the page with the tables as they must be, between the comments that are there."""
    text = PAGE.read_text()
    for target, faults in FAULTS.items():
        begin, end = f"<!-- {target} -->", f"<!-- /{target} -->"
        before, _begin, rest = text.partition(begin)
        after = rest.partition(end)[2]
        text = "\n".join([before + begin, "", *rows(faults), "", end + after])
    return text


if __name__ == "__main__":
    PAGE.write_text(page())
