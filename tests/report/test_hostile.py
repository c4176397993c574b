"""Names that would act on a terminal, a page, a spreadsheet, a font or a path do not."""

import csv
import re

import pytest
from typer.testing import CliRunner

from adl_jax.cli import app
from adl_jax.inert import shown
from tests.report.elements import Elements
from tests.report.run import FOLDER, MARKETS, NAMES


def test_terminals_are_shown_letters_alone(commands):
    said = commands[0]
    for name, result in said.items():
        assert result.output.replace("\n", "").isprintable(), name
    # Markup is shown as it is, not acted on.
    assert "=cmd|' /C calc'!A0;\\u202e[bold]" in said["check"].output
    assert FOLDER in said["report"].output.replace("\n", "")


def test_spreadsheets_compute_nothing(commands, work):
    with (work / "decision.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    assert {row[1] for row in rows} <= {
        "'" + shown(MARKETS[0], 200),
        shown(MARKETS[1], 200),
    }
    text = [value for row in rows for value in (*row[:2], row[-1])]
    assert any(value.startswith("'=") for value in text)
    assert all(value.isprintable() for value in text)
    assert not [
        value for value in text if re.search(r"(^|[;\t])\s*[=+@\uff1d-]", value)
    ]


def test_nothing_is_written_elsewhere(commands, work):
    found = {path.relative_to(work).as_posix() for path in work.rglob("*")}
    outside = {name for name in found if not name.startswith((FOLDER, "book [red]"))}
    assert outside == {"run.toml", "decision.csv"}
    inside = {name.removeprefix(FOLDER + "/") for name in found if FOLDER in name}
    assert all(
        re.fullmatch(
            r"(manifest|finished-0)\.json|report\.html|rows-\d+\.parquet"
            r"|figures(/[a-z_]+\.(png|pdf))?",
            name,
        )
        for name in inside - {FOLDER}
    )
    assert [path.name for path in work.parent.glob("*.csv")] == []


def test_the_page_holds_names_as_text(commands, work):
    page = (work / FOLDER / "report.html").read_text(encoding="utf-8")
    read = Elements(page)
    assert len(read.all("script")) == 3
    assert not [tag for tag in ("img", "i", "b", "iframe") if read.all(tag)]
    assert not [at for _, at in read.elements if any(n.startswith("on") for n in at)]
    assert "\x1b" not in page.split("<script")[0]
    assert "\u202e" not in page
    text = "".join(read.text)
    payers = text.split("Accounts that pay most")[-1]
    assert "short " + shown(MARKETS[1]) in payers
    assert sum(shown(name, 200) in payers for name in NAMES) >= 5


def test_the_browser_is_given_the_page_that_was_written(commands, work):
    assert commands[1] == [(work / FOLDER / "report.html").as_uri()]


@pytest.mark.parametrize(
    "path", ["nowhere\x1b[31m/\u202ebook", "[red]nowhere", "no\nwhere"]
)
def test_a_path_that_is_not_there_is_shown_letter_by_letter(command_settings, path):
    result = CliRunner().invoke(app, ["report", path])
    assert result.exit_code == 2
    assert result.output.replace("\n", "").isprintable()
