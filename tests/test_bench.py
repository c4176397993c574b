"""What `adl-jax bench` measures, and how it is printed."""

import json

import jax
import numpy as np
import pytest
from typer.testing import CliRunner

from adl_jax.bench import SAMPLING, copy_bandwidth, machine, throughput
from adl_jax.cli import app
from adl_jax.config import build, changed, load
from adl_jax.monte_carlo import Batches


SMALL = changed(load("default"), dtype="float64", rounds=4, book={"accounts": 60})


def test_figures_are_those_of_the_rows():
    scenario, policies = build(SMALL)
    chosen = {"queue": policies["queue"]}
    key = jax.random.key(0)
    sampling, queue = throughput(key, scenario, chosen, 8, bandwidth=1e10, repeats=2)
    assert (sampling.program, queue.program) == (SAMPLING, "queue")
    assert sampling.active_share is None
    batches = Batches(key, scenario, chosen, 8)
    rows = batches.run(0, 8)["queue"]
    assert queue.active_share == rows["rounds_active"].sum() / 32
    assert queue.deficit_share == rows["rounds_with_deficit"].sum() / 32
    assert queue.account_rounds_a_second == 8 * 4 * 60 / queue.least_s
    assert queue.least_s <= queue.median_s
    # At least the books that come in.
    assert queue.peak_bytes > 8 * 60 * 3 * 8
    least = 2 * 8 * (2 * 60 + 60) * 8 * 4
    assert queue.bandwidth_share == pytest.approx(least / queue.least_s / 1e10)


def test_a_copy_moves_bytes():
    assert np.isfinite(copy_bandwidth(2**10, repeats=1))


@pytest.mark.usefixtures("command_settings")
def test_the_command_prints_and_writes_the_same_figures(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text('[[policies]]\nname = "half"\nseverity = "full"\n')
    out = tmp_path / "bench.json"
    options = ["--scenarios", "8", "--accounts", "60", "--dtype", "float64"]
    done = CliRunner().invoke(
        app, ["bench", str(own), *options, "--format", "json", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    assert printed == json.loads(out.read_text(encoding="utf-8"))
    assert printed["machine"] == machine()
    programs = [row["program"] for row in printed["programs"]]
    assert programs == [SAMPLING, "zero", "half"]


@pytest.mark.usefixtures("command_settings")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["nothing"], "nothing"), (["--dtype", "float16"], "float16")],
)
def test_bad_input_is_one_clear_error(arguments, says):
    done = CliRunner().invoke(app, ["bench", *arguments])
    assert done.exit_code == 2
    assert says in done.output
