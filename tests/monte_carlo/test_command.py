"""`adl-jax simulate` as a user runs it."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adl_jax import read_results
from adl_jax.cli import app


pytestmark = pytest.mark.usefixtures("command_settings")
CONFIGURATION = """
scenarios = 6
dtype = "float64"

[book]
accounts = 60

[[policies]]
name = "half"
severity = "fixed"
severity_parameters = { severity = 0.5 }
"""


@pytest.fixture
def configuration(tmp_path):
    path = tmp_path / "crash.toml"
    path.write_text(CONFIGURATION)
    return str(path)


def run(*arguments):
    return CliRunner().invoke(app, ["simulate", *map(str, arguments)])


def test_a_table_is_printed_and_rows_are_kept(configuration, tmp_path):
    out = tmp_path / "run"
    result = run(configuration, "--out", out, "--batch-size", 4)
    assert result.exit_code == 0, result.output
    assert "half" in result.output
    assert "6 scenarios" in result.output
    results = read_results(out)
    assert results.policies == ["zero", "half"]
    assert results.manifest["configuration"]["scenarios"] == 6

    again = run(configuration, "--out", out)
    assert again.exit_code == 2
    assert "holds a run already" in again.output
    resumed = run(configuration, "--out", out, "--resume", "--format", "json")
    assert resumed.exit_code == 0, resumed.output
    figures = json.loads(resumed.stdout)["figures"]
    means = {
        row["policy"]: row["value"]
        for row in figures
        if row["figure"] == "executed_mean_usd"
    }
    column = results.column("executed")
    assert means == {
        name: pytest.approx(values.mean()) for name, values in column.items()
    }


def test_a_run_ends_when_a_figure_is_known_and_shows_how(configuration, tmp_path):
    # 1,000 scenarios are what it looks at first.
    small = Path(configuration).read_text().replace("accounts = 60", "accounts = 12")
    Path(configuration).write_text(small + "\n[crash.returns]\nfamily = 'factor'\n")
    out = tmp_path / "run"
    options = ["--scenarios", "4000", "--batch-size", "512", "--convergence"]
    until = ["--figure", "probability_of_adl", "--half-width", "0.05"]
    result = run(configuration, *options, *until, "--out", out, "--format", "json")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    ended = shown["manifest"]["num_scenarios"]
    assert ended == 1024
    assert {row["scenarios"] for row in shown["convergence"]} >= {1024}
    figures = [row for row in shown["figures"] if row["figure"] == "probability_of_adl"]
    assert all(row["high"] - row["low"] <= 0.1 for row in figures)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("no_such_thing",), "no_such_thing"),
        (("default", "--resume"), "give --out"),
        (("default", "--process", "0/2@127.0.0.1:1"), "give --out and --batch-size"),
        (("default", "--relative"), "give --half-width"),
    ],
)
def test_bad_input_is_one_clear_error(arguments, says):
    result = run(*arguments)
    assert result.exit_code == 2
    assert re.search(says, result.output)
    assert "Traceback" not in result.output
