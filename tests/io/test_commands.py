"""template, check, decide and simulate as a new user runs them."""

import csv
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from adl_jax.cli import app
from adl_jax.config import build, load, parse
from adl_jax.io import example, read_book, write_book
from tests.io.books import HOSTILE, tables, write_csv
from tests.io.test_write import hostile


PAGE = Path(__file__).parents[2] / "docs" / "your_own_book.md"


pytestmark = pytest.mark.usefixtures("command_settings")


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def folder(tmp_path):
    write_book(example(), tmp_path / "book")
    return tmp_path / "book"


def test_every_command_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text()
    toml = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0]
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    commands = [line for block in blocks[1:] for line in block.splitlines()]
    assert [line.split()[1] for line in commands] == [
        *("template", "check", "check", "decide", "decide", "decide"),
        *("simulate", "report"),
    ]
    assert set(blocks[0].splitlines()) <= {*commands}
    # tests/report runs the last two, on a smaller configuration.
    for command in commands[:-2]:
        result = run(*shlex.split(command)[1:])
        assert result.exit_code == 0, (command, result.output)
    crash = load("book/crash.toml")
    assert crash == parse(toml, "page")
    np.testing.assert_array_equal(build(crash)[0].market.mark, example().mark)


def test_the_errors_of_the_page_are_what_is_said(folder):
    path = folder / "positions.csv"
    rows = path.read_text().replace("anna,ETH,100.0", 'anna,ETH,"1,000"')
    rows = rows.replace("blue-fund,ETH", "Blue-Fund,ETH").replace(
        "whale,BTC,-1.5,118000.0", "whale,BTC,-1.5,-3"
    )
    path.write_text(rows)
    result = run("check", folder)
    assert result.exit_code == 2
    page = re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
    said = result.output.splitlines()
    for line in page.splitlines()[1:]:
        assert line in said


def test_check_adds_up_and_says_so_in_json(folder):
    result = run("check", folder, "--format", "json")
    values = json.loads(result.stdout)
    assert values["sha256"] == example().sha256()
    assert values["totals"]["deficit"] == 9_000
    assert values["under_margin"][0]["account"] == "anna"
    table = run("check", folder).output
    assert "9,000.00" in table
    assert "nothing is wrong" in table


def test_check_anonymises(folder, tmp_path):
    result = run("check", folder, "--anonymise", tmp_path / "out", "--digits", 3)
    assert result.exit_code == 0, result.output
    assert not set(read_book(tmp_path / "out").accounts) & set(example().accounts)
    again = run("check", folder, "--anonymise", tmp_path / "out")
    assert again.exit_code == 2
    assert "is there already" in again.output
    assert "give --anonymise" in run("check", folder, "--digits", 3).output


def test_decide_prints_and_writes_the_same(folder, tmp_path):
    arguments = ("decide", folder, "--policy", "queue", "--venue", "binance")
    result = run(*arguments, "--format", "json")
    values = json.loads(result.stdout)
    assert run(*arguments, "--format", "json").stdout == result.stdout
    out = tmp_path / "decision.csv"
    printed = run(*arguments, "--out", out).output
    assert values["audit"]["sha256"] in printed
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["account"] for row in rows] == [
        line["account"] for line in values["lines"]
    ]
    assert sum(float(row["haircut_usd"]) for row in rows) == pytest.approx(
        values["totals"]["raised"]
    )
    assert run(*arguments, "--out", tmp_path / "d.json").exit_code == 0
    assert json.loads((tmp_path / "d.json").read_text()) == values


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--policy", "quee"), "did you mean 'queue'?"),
        (("--policy", "queue", "--venue", "binanc"), "did you mean 'binance'?"),
        (("--policy", "queue", "--deficit", "-1"), "give USD, 0 or more"),
        (("--policy", "queue", "--out", "x.txt"), "ends in .csv or .json"),
        (("--policy", "\x1b[31m"), "no policy is called '\\x1b[31m'"),
    ],
)
def test_decide_explains_what_it_cannot_do(folder, arguments, says):
    result = run("decide", folder, *arguments)
    assert result.exit_code == 2
    assert says in result.output


def test_decide_does_not_write_over_the_book(folder):
    before = (folder / "accounts.csv").read_text()
    result = run(
        "decide", folder, "--policy", "queue", "--out", folder / "accounts.csv"
    )
    assert result.exit_code == 2
    assert (folder / "accounts.csv").read_text() == before


def test_unbalanced_books_have_to_be_allowed(tmp_path):
    frames = tables()
    frames["positions"].loc[4, "size"] = 0.3
    folder = write_csv(frames, tmp_path / "book")
    assert "longs in 'BTC'" in run("check", folder).output
    result = run("check", folder, "--unbalanced")
    assert result.exit_code == 0
    assert "longs and shorts differ: 1 ('BTC')" in result.output


def test_hostile_names_are_inert_wherever_they_come_out(tmp_path):
    """Winners, losers and markets with every name, in terminal and files."""
    write_book(hostile(), tmp_path / "in")
    before = sorted(path for path in tmp_path.rglob("*"))
    out = tmp_path / "out.csv"
    results = [
        run("check", tmp_path / "in"),
        run("check", tmp_path / "in", "--format", "json"),
        run("decide", tmp_path / "in", "--policy", "pro_rata", "--out", out),
        run("decide", tmp_path / "in", "--policy", "queue", "--venue", "binance"),
    ]
    for result in results:
        assert result.exit_code == 0, result.output
        assert result.output.replace("\n", "").isprintable()
    # Markup is shown as it is, not acted on.
    assert "<script>" in results[0].output
    with out.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert len(rows) == 3
    for row in rows:
        assert not row[0].startswith(tuple("=+-@\t\r"))
        assert row[0].isprintable()
    assert sorted(path for path in tmp_path.rglob("*")) == sorted([*before, out])


def test_hostile_values_are_inert_in_errors(tmp_path):
    frames = tables()
    frames["positions"]["account"] = [*HOSTILE[8:17]]
    result = run("check", write_csv(frames, tmp_path / "book"))
    assert result.exit_code == 2
    assert result.output.replace("\n", "").isprintable()
    assert "'\\x1b[31mred\\x1b[0m', not in accounts.csv" in result.output


def test_a_configuration_cannot_have_what_the_folder_has(tmp_path, folder):
    path = tmp_path / "crash.toml"
    path.write_text(
        f'[book]\nfolder = "{folder}"\naccounts = 5\n[venue]\n'
        "fund_usd_per_account = 3.0\n"
    )
    result = run("simulate", path)
    assert result.exit_code == 2
    assert "line 3, key book.accounts: has no effect: the folder's" in result.output
    assert "line 5, key venue.fund_usd_per_account: has no effect" in result.output
    path.write_text("[book]\nbalanced = false\n")
    assert "there is no folder" in run("simulate", path).output
    path.write_text('[book]\nfolder = "nowhere"\n')
    assert "nowhere: no such folder" in run("simulate", path).output
