"""The command line, in a process of its own where that matters."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from adl_jax import october10
from adl_jax.cli import app
from adl_jax.cli.shared import keep_programs


KEYS = {
    *("name", "role", "information", "headline", "tracking_usd"),
    *("tracking_signed_usd", "overshoot_usd", "undershoot_usd", "fairness_usd"),
    *("objective_usd", "tracking_percent_of_bound", "percent_of_bound"),
}


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def replay_json(*arguments):
    done = run("replay", "--format", "json", *arguments)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def embedded():
    return replay_json()


def test_the_json_contract(embedded):
    assert embedded["rounds"] == 16
    for key in ("bound_usd", "path_variation", "unreachable_usd"):
        assert embedded[key] > 0
    rows = {row["name"]: row for row in embedded["policies"]}
    assert {
        *("production_queue", "integer_pro_rata", "vector_mirror_descent"),
        *("min_max_ilp", "continuous_pro_rata", "zero"),
    } <= set(rows)
    for row in rows.values():
        assert set(row) >= KEYS
        assert row["role"] in {
            *("learner", "constant", "reference", "published", "semi_synthetic"),
        }
    assert rows["production_queue"]["objective_usd"] == pytest.approx(
        64_859_522.21, abs=0.0051
    )
    assert sum(row["headline"] for row in rows.values()) == 1
    assert embedded["learner_evaluations"] >= 3


def test_one_process_prints_one_json_object_and_nothing_else():
    done = subprocess.run(
        [sys.executable, "-m", "adl_jax", "replay", "--format", "json"],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )
    assert json.loads(done.stdout)["rounds"] == 16
    assert done.stderr == ""


def test_the_tables_show_the_figures_uncut(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    output = run("replay").stdout
    for figure in (
        *("64,859,522.21", "129,699,802.43", "31,922,594.42", "45,028,665.72"),
        *("49,405,578.12", "48,462.90", "7.0595", "3.7200", "51,822,752.60"),
    ):
        assert figure in output
    assert "…" not in output
    for word in (
        "Published or given:",
        "Recomputed:",
        "New:",
        "Source:",
        "No row is blind",
    ):
        assert word in output


def test_public_tables_add_rates_and_semi_synthetic_rows(oct10):
    rows = {row["name"]: row for row in replay_json("--data", oct10)["policies"]}
    assert rows["running_mean_rate"]["information"] == "notional"
    assert rows["rate_1.0%"]["role"] == "constant"
    assert rows["semi_synthetic/queue"]["role"] == "semi_synthetic"
    assert rows["semi_synthetic/pro_rata"]["adjacent_inversions"] == 0
    assert sum(row["headline"] for row in rows.values()) == 2
    table = run("replay", "--data", oct10).stdout
    assert "19,337 accounts, semi-synthetic" in table


def own_rounds(folder, unit=1.0):
    event = october10()
    rounds = event.rounds
    frame = pd.DataFrame(
        {
            "round": event.labels,
            "start_ms": rounds.start_ms,
            "end_ms": rounds.end_ms,
            "deficit_usd": np.asarray(rounds.deficit) * unit,
            "needed_usd": np.asarray(rounds.needed) * unit,
            "capacity_usd": np.asarray(rounds.capacity_total) * unit,
        }
    )
    for name, row in event.recorded.items():
        frame[f"{name}_executed_usd"] = np.asarray(row.executed) * unit
        frame[f"{name}_concentration"] = np.asarray(row.concentration)
    path = folder / "own.csv"
    frame.to_csv(path, index=False)
    return path


def test_own_rounds_are_scored_like_the_embedded_ones(tmp_path, embedded):
    own = replay_json("--rounds", own_rounds(tmp_path, unit=7.0))
    assert own["bound_usd"] == pytest.approx(7 * embedded["bound_usd"], rel=1e-12)
    assert own["counted_once"] is None
    assert own["horizons"] == []
    for ours, theirs in zip(own["policies"], embedded["policies"], strict=True):
        assert ours["name"] == theirs["name"]
        for key in ("tracking_usd", "objective_usd", "undershoot_usd"):
            assert ours[key] == pytest.approx(7 * theirs[key], rel=1e-9, abs=1e-6)
        assert ours["percent_of_bound"] == pytest.approx(theirs["percent_of_bound"])


def test_own_close_outs_bring_the_rates_in(tmp_path):
    closeouts = tmp_path / "closeouts.csv"
    pd.DataFrame(
        {"round": [1, 2], "market": "BTC", "quantity": [5, 1], "price_usd": 9.5}
    ).to_csv(closeouts, index=False)
    values = replay_json("--rounds", own_rounds(tmp_path), "--closeouts", closeouts)
    rows = {row["name"]: row for row in values["policies"]}
    zero, rate = rows["zero"], rows["rate_1.0%"]
    moved = zero["undershoot_usd"] - rate["undershoot_usd"]
    assert moved == pytest.approx(0.01 * 9.5 * 6)


def test_event_tables_bring_accounts_in(oct10):
    values = replay_json("--events", oct10 / "adl_detailed_sample.csv")
    rows = {row["name"]: row for row in values["policies"]}
    assert rows["last_value/queue"]["accounts_touched"] > 0
    assert any("dropped without one" in note for note in values["notes"])
    assert (
        "inversions"
        in run("replay", "--events", oct10 / "adl_detailed_sample.csv").stdout
    )


def test_out_writes_tables_json_and_figures(tmp_path, embedded):
    out = tmp_path / "new" / "folder"
    for _ in range(2):
        done = run("replay", "--out", out)
        assert done.exit_code == 0
    names = {path.name for path in out.iterdir()}
    assert names == {
        *("policies.csv", "policies.parquet", "result.json"),
        *("policy_rounds.csv", "policy_rounds.parquet"),
        *("budgets.png", "cumulative_tracking.png"),
        *("objective_against_bound.png", "concentration.png"),
    }
    policies = pd.read_parquet(out / "policies.parquet")
    assert list(policies["name"]) == [row["name"] for row in embedded["policies"]]
    assert json.loads((out / "result.json").read_text()) == embedded


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rounds", "nowhere.csv"], ["nowhere.csv: no such file"]),
        (["--data", "nowhere"], ["nowhere: no such folder"]),
        (["--events", "nowhere.csv"], ["nowhere.csv: no such file"]),
        (["--closeouts", "a.csv"], ["--closeouts belongs to --rounds"]),
        (["--data", "a", "--rounds", "b"], ["give one of them"]),
        (
            ["--rounds", "a", "--closeouts", "b", "--events", "c"],
            ["leave --closeouts out"],
        ),
        (["--rounds", "/"], ["not a regular file"]),
        (["--rounds", "/proc/self/mem"], ["/proc/self/mem: ", "fix: "]),
        (["--out", "/dev/null/x"], ["/dev/null: not a folder; fix: "]),
        (["--out", __file__], ["test_cli.py: not a folder; fix: "]),
    ],
)
def test_bad_input_is_one_clear_error(arguments, words):
    done = run("replay", *arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.output
    for word in words:
        assert word in done.stderr


def test_an_unwritable_folder_is_refused_before_anything_is_computed(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    monkeypatch.setattr("adl_jax.backtesting.backtest", lambda event: 1 / 0)
    done = run("replay", "--out", tmp_path / "new")
    assert done.exit_code == 2
    assert (
        done.stderr == f"error: {tmp_path}: not writable; fix: choose another --out\n"
    )


def test_reports_are_grouped_by_what_they_say(oct10):
    words = " ".join(
        run("replay", "--events", oct10 / "adl_detailed_sample.csv").stdout.split()
    )
    assert words.count("Reported by") == 1
    assert "Reported by full/queue, full/pro_rata, fixed_0.5/queue" in words


@pytest.fixture
def cache_settings(monkeypatch):
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    # Older releases have their standard error filtered, which is no test's own.
    monkeypatch.setattr(jax, "__version_info__", (0, 12, 0))
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.mark.usefixtures("cache_settings")
def test_programs_are_kept_in_the_users_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    chosen = jax.config.jax_compilation_cache_dir
    keep_programs()
    assert jax.config.jax_compilation_cache_dir == chosen
    jax.config.update("jax_compilation_cache_dir", None)
    keep_programs()
    folder = Path(jax.config.jax_compilation_cache_dir)
    assert folder.parent == tmp_path / "adl_jax"
    assert folder.name.startswith(platform.machine())


@pytest.mark.usefixtures("cache_settings")
def test_no_programs_are_kept_where_that_would_not_work(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    jax.config.update("jax_compilation_cache_dir", None)
    keep_programs()
    assert jax.config.jax_compilation_cache_dir is None


def test_a_second_run_loads_its_programs_and_says_nothing_of_it(tmp_path):
    script = """
import sys
from adl_jax.cli.shared import keep_programs
keep_programs()
import jax
print(jax.jit(lambda x: x @ x)(jax.numpy.arange(3.0)))
print("heard", file=sys.stderr)
import os
os.write(2, b"also heard\\n")
"""
    own = {"XDG_CACHE_HOME": str(tmp_path), "JAX_COMPILATION_CACHE_DIR": ""}
    runs = [
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | own,
            capture_output=True,
            text=True,
            check=True,
        )
        for _ in range(2)
    ]
    assert list(tmp_path.glob("adl_jax/*/jit_*"))
    for run in runs:
        assert run.stdout == "5.0\n"
        assert sorted(run.stderr.split("\n")) == ["", "also heard", "heard"]


def test_bad_rows_are_named_on_the_error_stream(tmp_path):
    path = own_rounds(tmp_path)
    path.write_text(path.read_text().replace("10925707.159378", "lots", 1))
    done = run("replay", "--rounds", path)
    assert done.exit_code == 2
    assert "row 1 (line 2), column deficit_usd: value 'lots'" in done.stderr


def test_no_input_is_written_over(tmp_path):
    path = own_rounds(tmp_path).rename(tmp_path / "policies.csv")
    before = path.read_text()
    done = run("replay", "--rounds", path, "--out", tmp_path)
    assert done.exit_code == 2
    assert "would write over it" in done.stderr
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("1760130964831,1760130964831", "1," + "9" * 23, "column end_ms"),
        ("10925707.159378", "1e308", "column deficit_usd"),
        ("production_queue_exec", "a[/dim]b_exec", "use letters, digits"),
        ("production_queue_exec", "$x_$_exec", "use letters, digits"),
        ("production_queue", "zero", "two policies are named 'zero'"),
    ],
)
def test_wild_values_are_one_clear_error(tmp_path, old, new, word):
    path = own_rounds(tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    done = run("replay", "--rounds", path, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert word in done.stderr
    assert not (tmp_path / "out").exists()


def test_doctor_prints_what_it_found():
    done = run("doctor")
    assert done.exit_code == 0
    assert "healthy" in done.stdout
    assert json.loads(run("doctor", "--format", "json").stdout)["healthy"] is True


def test_doctor_fails_where_results_cannot_be_trusted(monkeypatch):
    monkeypatch.setattr("adl_jax.doctor.wrong_sizes", lambda: [(17, 3)])
    done = run("doctor")
    assert done.exit_code == 1
    assert "NOT to be trusted" in done.stdout


def test_help_names_the_commands():
    done = run("--help")
    assert "replay" in done.stdout
    assert "doctor" in done.stdout
