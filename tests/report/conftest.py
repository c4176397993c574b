"""A hostile book through every command, and the report that all tests here look at."""

import jax
import pytest
from typer.testing import CliRunner

import adl_jax.report
from adl_jax.cli import app
from adl_jax.io import write_book
from adl_jax.monte_carlo import read_results
from tests.report.run import CONFIGURATION, FOLDER, SCENARIOS, book


@pytest.fixture(scope="session")
def work(tmp_path_factory):
    """A folder with a book and a configuration, in which commands have run."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="session")
def commands(work):
    """What each command printed, what it asked a browser to show, and what was written."""
    folder, run = work / "book [red]", work / FOLDER
    write_book(book(), folder)
    configuration = work / "run.toml"
    configuration.write_text(
        CONFIGURATION.format(folder=folder, scenarios=SCENARIOS), encoding="utf-8"
    )
    lines = {
        "check": (folder,),
        "decide": (folder, "--policy", "pro_rata"),
        "decide contracts": (
            *(folder, "--policy", "queue", "--venue", "binance"),
            *("--out", work / "decision.csv"),
        ),
        "simulate": (configuration, "--out", run, "--batch-size", SCENARIOS),
        "report": (run, "--open"),
    }
    said, opened, written = {}, [], []
    write = adl_jax.report.write_report
    with pytest.MonkeyPatch.context() as patched:
        devices = jax.config.jax_num_cpu_devices
        patched.setattr("adl_jax.cli.shared._processors", lambda: devices)
        patched.setattr("webbrowser.open", lambda url: opened.append(url))
        patched.setattr(
            "adl_jax.report.write_report",
            lambda *given, **more: written.append(write(*given, **more)) or written[0],
        )
        for name, arguments in lines.items():
            command = [name.split()[0], *(str(one) for one in arguments)]
            said[name] = CliRunner().invoke(app, command)
            assert said[name].exit_code == 0, said[name].output
    return said, opened, written[0]


@pytest.fixture(scope="session")
def run(commands, work):
    return read_results(work / FOLDER)


@pytest.fixture(scope="session")
def written(commands):
    return commands[2]
