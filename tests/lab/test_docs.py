"""The manual's table of patches is the registry."""

import subprocess

from lab.settings import from_environment


def test_the_manual_lists_every_patch() -> None:
    settings = from_environment({})
    listing = subprocess.run(
        [settings.python, "-m", "lab", "patches"],
        cwd=settings.root,
        capture_output=True,
        text=True,
        check=True,
    )
    manual = (settings.root / "docs/lab.md").read_text()
    table = manual.split("<!-- patches -->")[1].split("<!-- /patches -->")[0]
    assert table.strip() == listing.stdout.strip(), "docs/lab.md: put in what `python -m lab patches` prints"
