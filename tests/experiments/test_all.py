"""Running all experiments: what fails is told, what cannot run is skipped and said."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from experiments.all import NO_QUICK, NO_TABLES, ROOT, command, main
from experiments.catalogue import EXPERIMENTS, Experiment, Tables


def one(name, code, **options):
    return Experiment(name, ("-c", code), "a test", (), folder=None, **options)


def test_a_failure_does_not_stop_the_others(tmp_path, capsys):
    experiments = (
        one("first", "print('hello')"),
        one("broken", "print('about to break'); raise SystemExit(3)"),
        one("hungry", "", tables=Tables.needed),
        one("last", "print('still here')"),
    )
    assert main(["--out", str(tmp_path)], experiments) == 1
    said = capsys.readouterr().out
    assert "failed with code 3" in said
    assert NO_TABLES in said
    found = pd.read_csv(tmp_path / "outcomes.csv", index_col="name")["outcome"]
    assert found["first"] == found["last"] == "done"
    assert found["hungry"] == NO_TABLES
    log = (tmp_path / "logs" / "broken.log").read_text()
    assert log.startswith(f"$ {sys.executable} -c")
    assert "about to break" in log
    assert not (tmp_path / "logs" / "hungry.log").exists()


def test_only_what_is_asked_for_runs(tmp_path):
    experiments = (one("good", ""), one("broken", "raise SystemExit(3)"))
    assert main(["--out", str(tmp_path), "--only", "good"], experiments) == 0
    assert [path.stem for path in (tmp_path / "logs").iterdir()] == ["good"]


def test_a_quick_run_leaves_out_what_has_no_small_size(tmp_path, capsys):
    experiments = (one("long", "raise SystemExit(3)", quick=None),)
    assert main(["--out", str(tmp_path), "--quick"], experiments) == 0
    assert NO_QUICK in capsys.readouterr().out


def test_commands_carry_what_an_experiment_takes():
    both = Experiment(
        "both", ("-m", "x"), "", (), Tables.used, quick=("--few",), folder="sub"
    )
    out, data = Path("out"), Path("data")
    start = [sys.executable, "-m", "x"]
    assert command(both, data, out, False) == [
        *start,
        *("--data", "data", "--out", str(out / "sub")),
    ]
    assert command(both, None, out, True) == [
        *start,
        "--out",
        str(out / "sub"),
        "--few",
    ]
    neither = one("neither", "")
    assert command(neither, data, out, True) == [sys.executable, "-c", ""]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "figure_99"], "figure_99"),
        (["--data", "/no/such/folder"], "no such folder"),
    ],
)
def test_a_wrong_name_or_folder_is_refused(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    if "--only" in arguments:
        assert "figure_03" in error


def test_the_list_from_the_command_line():
    done = subprocess.run(
        [sys.executable, "-m", "experiments.all", "--list"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for experiment in EXPERIMENTS:
        assert experiment.name in done.stdout


def test_every_script_is_in_the_catalogue():
    assert len({one.name for one in EXPERIMENTS}) == len(EXPERIMENTS)
    listed = {
        f"{words[1].replace('.', '/')}.py" if words[0] == "-m" else words[0]
        for words in (one.command for one in EXPERIMENTS)
    }
    scripts = {
        path.relative_to(ROOT).as_posix()
        for folder in ("experiments", "experiments/paper")
        for path in (ROOT / folder).glob("*.py")
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
    }
    assert scripts - listed == {"experiments/all.py", "experiments/readme.py"}
    assert listed <= scripts
