"""`adl-jax train` and `adl-jax sensitivities`, as a user calls them."""

import json

import jax
import pandas as pd
import pytest
from typer.testing import CliRunner

from adl_jax.cli import app
from adl_jax.train import load_policy


SMALL = """
rounds = 3
dtype = "float64"

[book]
accounts = 20

[[policies]]
name = "mine"
severity = "constant_rate"

[[policies]]
name = "all"
severity = "full"

[train]
policy = "mine"
steps = 4
batch_size = 2
validate_every = 2
validation_scenarios = 2
"""


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    # The command line computes as its users do, without this session's strictness.
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield path


def test_a_training_is_written_and_gone_on_with(config, tmp_path):
    out = tmp_path / "training"
    done = run("train", config, "--out", out)
    assert done.exit_code == 0, done.output
    assert "4 steps" in done.stdout
    policy, record = load_policy(out / "trained.policy")
    assert record["steps"] == 4
    assert 0 < float(policy.severity.rate) < 1
    assert run("train", config, "--out", out).exit_code == 2
    again = run("train", config, "--out", out, "--resume", "--format", "json")
    assert json.loads(again.stdout)["best_step"] == record["best_step"]


def test_resuming_needs_a_folder(config):
    done = run("train", config, "--resume")
    assert done.exit_code == 2
    assert "give --out" in done.stderr


def test_the_greeks_of_a_venue_are_a_table(config, tmp_path):
    out = tmp_path / "greeks.csv"
    given = ("--policy", "all", "--scenarios", 4, "--figures", "needed,fund_end")
    done = run("sensitivities", config, *given, "--of", "fund", "--out", out)
    assert done.exit_code == 0, done.output
    assert "kink bias" in done.stdout
    table = pd.read_csv(out)
    assert list(table["figure"]) == ["needed", "fund_end"]
    assert set(table["parameter"]) == {"fund"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--policy", "nobody"), "one of zero, mine, all"),
        (("--figures", "nothing"), "no figure named 'nothing'"),
        (("--of", "nothing"), "no parameter named 'nothing'"),
    ],
)
def test_what_is_not_there_is_said(config, given, words):
    done = run("sensitivities", config, *given)
    assert done.exit_code == 2
    assert words in done.stderr
