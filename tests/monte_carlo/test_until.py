"""Runs that end early: where, that they resume to the same batch, and what they refuse."""

import json
import re

import jax
import numpy as np
import pytest

from adl_jax import InputError, Policy, ProRata, Queue, monte_carlo, read_results
from adl_jax.monte_carlo.until import Until, Watch, convergence
from adl_jax.scenario import scenarios
from adl_jax.severity import Fixed
from adl_jax.statistics import mean
from tests.monte_carlo.test_summary import made_up


KEY = jax.random.key(3)
POLICIES = {
    "zero": Policy(Fixed(0.0), ProRata()),
    "queue": Policy(Fixed(1.0), Queue()),
}
UNTIL = Until("concentration_mean", 0.04, policy="queue")


def run(most=4_000, until=UNTIL, **options):
    scenario = scenarios["default"](num_accounts=30)
    return monte_carlo(
        KEY, scenario, POLICIES, most, batch_size=256, until=until, **options
    )


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    out = tmp_path_factory.mktemp("until") / "run"
    run(out=out)
    return out


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("rows-*"))}


def test_it_ends_at_the_first_batch_that_knows_enough(ended):
    results = read_results(ended)
    count = results.num_scenarios
    assert 1_000 < count < 4_000
    assert count % 256 == 0
    values = results.column("concentration")["queue"]
    assert len(values) == count
    assert mean(values).half_width <= 0.04
    assert count == 1_024 or mean(values[:-256]).half_width > 0.04
    manifest = json.loads((ended / "manifest.json").read_text())
    assert manifest["num_scenarios"] == 4_000
    assert manifest["until"]["figure"] == "concentration_mean"


def test_a_resumed_run_ends_at_the_same_batch(ended, tmp_path):
    broken = tmp_path / "run"
    broken.mkdir()
    for path in ended.iterdir():
        if path.name not in ("stopped.json", "rows-000000000256.parquet"):
            (broken / path.name).write_bytes(path.read_bytes())
    resumed = run(out=broken, resume=True)
    assert contents(broken) == contents(ended)
    assert resumed.num_scenarios == read_results(ended).num_scenarios
    assert read_results(broken).to_pandas().equals(read_results(ended).to_pandas())
    with pytest.raises(InputError, match=r"differs in until"):
        run(out=broken, resume=True, until=Until("concentration_mean", 0.01))


def test_watch_waits_for_every_policy_that_acts():
    draw = np.random.default_rng(0)
    results = made_up(1_500, executed=np.stack([np.zeros(1_500), draw.random(1_500)]))
    table, names = results.to_arrow(), results.policies
    known = Until("executed_mean_usd", 0.02)
    assert Watch(known, names, tilted=False).enough(table)
    # The first policy never acts: its 0 is no knowledge.
    alone = Until("executed_mean_usd", 0.02, policy="zero")
    assert not Watch(alone, names, tilted=False).enough(table)
    narrow = Until("executed_mean_usd", 0.01)
    assert not Watch(narrow, names, tilted=False).enough(table)
    # 1.96 sd / sqrt(1500) is 0.0146, of a mean of 0.5: 2.9 %.
    for share, enough in ((0.02, False), (0.04, True)):
        until = Until("executed_mean_usd", share, relative=True)
        assert Watch(until, names, tilted=False).enough(table) == enough
    assert not Watch(known, names, tilted=False).enough(table.slice(0, 1_800))


def test_watch_weighs_tilted_rows():
    draw = np.random.default_rng(0)
    loss = draw.exponential(2.0, 2_000)
    results = made_up(2_000, log_weight=np.log(2) - loss / 2, executed=loss)
    table, names = results.to_arrow(), results.policies
    # The weighted interval is 0.035 wide each way here; the plain one 0.09.
    assert Watch(Until("executed_mean_usd", 0.06), names, tilted=True).enough(table)


def test_the_path_of_a_figure_narrows():
    values = np.random.default_rng(0).random(3_200)
    table = convergence(made_up(3_200, unpaid=values), "unpaid_mean_usd", points=6)
    zero = table[table["policy"] == "zero"]
    assert list(zero["scenarios"]) == [100, 200, 400, 800, 1600, 3200]
    for _, row in zero.iterrows():
        found = mean(values[: int(row["scenarios"])])
        np.testing.assert_allclose(row["value"], found.value)
        np.testing.assert_allclose(row["half_width"], found.half_width)


@pytest.mark.parametrize(
    ("until", "says"),
    [
        (("nothing", 1.0), "'nothing' is no figure"),
        (("unpaid_mean_usd", 0.0), "half_width is 0.0; give a number above 0"),
        (("unpaid_mean_usd", np.nan), "half_width is nan"),
    ],
)
def test_what_can_never_be_known_is_refused(until, says):
    with pytest.raises(InputError, match=re.escape(says)):
        Until(*until)


def test_a_policy_that_is_not_there_is_refused():
    with pytest.raises(InputError, match=r"'x' is no policy of this run.*zero, queue"):
        run(until=Until("unpaid_mean_usd", 1.0, policy="x"))
