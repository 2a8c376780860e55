"""The table of faults in the manual is the one that tests/faults goes through."""

from tests.faults.page import PAGE, page


def test_the_page_is_what_is_tested() -> None:
    assert PAGE.read_text() == page(), "python -m tests.faults.page"
