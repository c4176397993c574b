"""The performance page shows what was measured, and its sentences hold of the tables."""

import json

import pytest

from benchmarks import tables


def test_the_tables_are_the_results():
    page = tables.PAGE.read_text(encoding="utf-8")
    assert tables.written(page) == page, "run python benchmarks/tables.py"


def test_what_is_not_measured_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    for text in tables.generated().values():
        assert text.endswith("Not measured yet.\n")


def test_a_part_of_a_run_on_another_device_is_shown(monkeypatch, tmp_path):
    machine = {"device": "GPU X", "devices": 1, "python": "3.12.1", "versions": {}}
    run = {
        **{"policy": "queue", "scenarios": 1_000_000, "accounts": 1000},
        **{"batch_size": 4096, "processes": 1, "devices": 1, "seconds": 9.5},
        **{"first_batch_s": 3.0, "summary_s": 0.25, "peak_bytes": 2**30},
        **{"account_rounds_a_second": 1.7e9},
        "account_rounds_a_second_once_compiled": None,
    }
    record = {"runs": {"machine": machine, "results": [run]}}
    (tmp_path / "monte_carlo_x.json").write_text(json.dumps(record))
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    made = tables.generated()
    assert "GPU X, 1 device; python 3.12.1.\n" in made["runs"]
    row = "`queue` | 1,000,000 | 1,000 | 4,096 | 1 x 1 | 9.5 | 3 | 0.25 | 1.70e9 |  | 1,024"
    assert f"| {row} |" in made["runs"]
    assert made["loops"].endswith("Not measured yet.\n")


def test_a_page_without_a_place_for_a_table_is_refused():
    with pytest.raises(ValueError, match="peers"):
        tables.written("nothing")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.02641, "0.0264"), (99.96, "100"), (1272.3, "1,272"), (2.868e8, "2.87e8")],
)
def test_numbers_have_a_few_digits(value, text):
    assert tables.number(value) == text


def test_the_sentences_about_peers_hold():
    (record,) = tables.read("peers")
    times = {
        (row["workload"], row["accounts"], row["program"]): row["times_adl_jax"]
        for row in record["results"]["timings"]
    }
    for accounts in (1_000, 10_000):
        assert times["quiet", accounts, "numba"] < 0.5
        assert times["crash", accounts, "numba"] < 1.1
        for workload in ("quiet", "crash"):
            assert times[workload, accounts, "numpy"] > 1
            assert times[workload, accounts, "plain JAX"] > 1
            assert 1 < times[workload, accounts, "adl_jax, all columns"] < 3
    for row in record["results"]["agreement"]:
        limit = {"float32": 1e-4, "float64": 1e-9}[row["dtype"]]
        for program in row["programs"].values():
            assert program["difference"] <= limit
            assert program["beyond"] == 0
