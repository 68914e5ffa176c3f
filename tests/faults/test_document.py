"""docs/faults.md says what the tests say."""

from tests.faults import document

SOURCE = '''
def test_case_07_name():
    """The fault,
    in two lines.

    What the
    user sees.
    """

def test_case_08_without_text(): pass
def test_case_09_of_one_paragraph():
    """More of the case."""
def test_other():
    """One.

    Two.
    """
'''


def test_a_row_is_a_case_with_two_paragraphs() -> None:
    (case,) = document.cases_of(SOURCE, "tests/test_a.py")
    assert case[:2] == (7, "test_case_07_name")
    assert case[2:4] == ("The fault, in two lines.", "What the user sees.")
    row = "| 7 | The fault, in two lines. | What the user sees. | [test_case_07_name]"
    assert document.page([case]).endswith(f"|---|\n{row}(../tests/test_a.py) |\n")


def test_the_document_is_that_of_the_tests() -> None:
    written = document.DOCUMENT.read_text(encoding="utf-8")
    assert written == document.page(document.all_cases()), "run `make faults`"


def test_every_case_has_a_test() -> None:
    numbers = {case.number for case in document.all_cases()}
    assert numbers == set(range(1, 44))
