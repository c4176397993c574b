"""The precision page shows what was measured, of every column, by current code."""

from adl_jax.monte_carlo import COLUMNS
from tests.precision_page import PAGE, measured, written


def test_the_table_is_the_measurements():
    page = PAGE.read_text()
    assert "| `unpaid` |" in page
    assert written(page) == page, "run python -m tests.precision_page"


def test_every_column_was_measured():
    # What is left out is an error of rounding itself, and a weight.
    for policies in measured()["results"].values():
        for found in policies.values():
            assert set(COLUMNS) - set(found["columns"]) == {"cash_error", "log_weight"}


def test_what_was_measured_is_what_the_page_says_of_float32():
    """The sentences above the table, on the numbers below it."""
    for policies in measured()["results"].values():
        for found in policies.values():
            assert found["largest_cash_error"]["float32"] < 5e-6
            for name, error in found["columns"].items():
                assert error["median"] < 1e-3, name
                if COLUMNS[name].startswith("USD"):
                    assert error["mean_shift"] < 1e-4, name
    for policies in measured()["results"].values():
        for policy in ("zero", "learner"):
            assert policies[policy]["flips"] == 0
