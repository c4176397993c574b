"""Policies of several runs, against NumPy and SciPy on the same rows."""

import dataclasses
import json

import jax
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

from adl_jax import (
    InputError,
    Policy,
    ProRata,
    Queue,
    Results,
    compare,
    monte_carlo,
)
from adl_jax._types import as_dtype
from adl_jax.cli import app
from adl_jax.monte_carlo.compare import (
    FIGURES,
    differences,
    independent_difference,
    run_names,
)
from adl_jax.scenario import scenarios
from adl_jax.severity import Fixed
from adl_jax.statistics import mean, paired_difference, probability
from adl_jax.venue import Fund


POLICIES = {
    "zero": Policy(Fixed(0.0), ProRata()),
    "queue": Policy(Fixed(1.0), Queue()),
}
PRO_RATA = {"pro_rata": Policy(Fixed(1.0), ProRata())}
COUNT = 24


def scenario(fund=None):
    built = as_dtype(scenarios["default"](num_accounts=60), np.float64)
    if fund is None:
        return built
    venue = dataclasses.replace(built.venue, fund=Fund(balance=np.float64(fund)))
    return dataclasses.replace(built, venue=venue)


def run(folder, policies=POLICIES, count=COUNT, seed=7, fund=None):
    return monte_carlo(
        *(jax.random.key(seed), scenario(fund), policies, count),
        batch_size=4,
        out=folder,
        configuration={"seed": seed, "venue": {"fund": fund}, "shared": 1},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def base(folder):
    return run(folder / "base")


@pytest.fixture(scope="module")
def other_policy(folder):
    """The same scenarios, another policy beside one that is the same."""
    return run(folder / "other_policy", PRO_RATA | {"zero": POLICIES["zero"]})


@pytest.fixture(scope="module")
def large_fund(folder):
    return run(folder / "large_fund", fund=1e5, count=16)


@pytest.fixture(scope="module")
def other_seed(folder):
    return run(folder / "other_seed", seed=8, count=16)


def at(frame, policy, figure):
    return frame.set_index(["policy", "figure"]).loc[(policy, figure)]


def test_runs_on_the_same_scenarios_are_one_table(base, other_policy):
    frame = compare([base, other_policy])
    # The policy that both have, on the same scenarios, is there once.
    assert list(dict.fromkeys(frame["policy"])) == ["zero", "queue", "pro_rata"]
    assert list(dict.fromkeys(frame["figure"])) == list(FIGURES)
    row = at(frame, "pro_rata", "executed_mean_usd")
    ours = other_policy.column("executed")["pro_rata"]
    theirs = base.column("executed")["zero"]
    assert row["value"] == pytest.approx(ours.mean())
    assert row["difference"] == pytest.approx((ours - theirs).mean())
    expected = paired_difference(ours, theirs)
    assert (row["difference_low"], row["difference_high"]) == (
        expected.low,
        expected.high,
    )
    assert row["pairing"] == "same scenarios"
    assert row["paired_scenarios"] == COUNT


def test_shares_and_tails_differ_by_what_numpy_says(base):
    frame = compare([base], reference="queue")
    unpaid = base.column("unpaid")
    row = at(frame, "zero", "probability_of_unpaid_debt")
    hits = (unpaid["zero"] > 0).mean() - (unpaid["queue"] > 0).mean()
    assert row["difference"] == pytest.approx(hits)
    # 1 % of 24 scenarios is less than one: the worst of them.
    row = at(frame, "zero", "unpaid_es_99_usd")
    assert row["difference"] == pytest.approx(
        unpaid["zero"].max() - unpaid["queue"].max()
    )
    assert np.isnan(at(frame, "zero", "unpaid_var_99_usd")["difference"])
    assert frame.loc[frame["policy"] == "queue", "difference"].isna().all()
    assert (frame.loc[frame["policy"] == "queue", "pairing"] == "").all()


def test_a_shortfall_differs_as_its_estimates_do(base):
    # With many scenarios there is a tail; the same columns, drawn again and again.
    draw = np.random.default_rng(0).integers(0, COUNT, 5_000)

    class Drawn(type(base)):
        def column(self, name, **options):
            values = base.column(name, **options)
            return {policy: one[draw] for policy, one in values.items()}

    drawn = Drawn(folder=base.folder, manifest=base.manifest)
    frame = compare([drawn])
    both = at(frame, "queue", "unpaid_es_99_usd"), at(frame, "zero", "unpaid_es_99_usd")
    row = both[0]
    assert row["difference"] == pytest.approx(row["value"] - both[1]["value"])
    assert row["difference_low"] <= row["difference"] <= row["difference_high"]


def test_the_same_draws_under_other_rules_are_paired(base, large_fund):
    frame = compare([base, large_fund])
    names = list(dict.fromkeys(frame["policy"]))
    assert names == ["base/zero", "base/queue", "large_fund/zero", "large_fund/queue"]
    row = at(frame, "large_fund/zero", "unpaid_mean_usd")
    assert row["pairing"] == "same draws"
    assert row["paired_scenarios"] == 16
    ours, theirs = large_fund.column("unpaid")["zero"], base.column("unpaid")["zero"]
    moved = ours - theirs[:16]
    assert row["difference"] == pytest.approx(moved.mean())
    # What a larger fund pays is all that differs, and no scenario has more unpaid.
    assert (moved <= 1e-6).all()
    assert row["difference_high"] < 0


def test_other_seeds_are_independent(base, other_seed):
    frame = compare([base, other_seed])
    row = at(frame, "other_seed/zero", "unpaid_mean_usd")
    assert row["pairing"] == "independent"
    assert row["paired_scenarios"] == 0
    ours, theirs = other_seed.column("unpaid")["zero"], base.column("unpaid")["zero"]
    assert row["difference"] == pytest.approx(ours.mean() - theirs.mean())
    assert not np.isnan(
        at(frame, "other_seed/zero", "unpaid_var_99_usd")["difference_low"]
    )


def test_an_independent_difference_is_welchs():
    draw = np.random.default_rng(1)
    first, second = draw.normal(1, 3, 4_000), draw.normal(0, 1, 2_000)
    found = independent_difference(mean(first), mean(second))
    welch = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
    np.testing.assert_allclose([found.low, found.high], welch, rtol=1e-3)


def test_an_independent_difference_of_shares_is_newcombes():
    # Newcombe (1998), table II (a): 56/70 against 48/80, method 10.
    first, second = np.arange(70) < 56, np.arange(80) < 48
    found = independent_difference(probability(first), probability(second))
    np.testing.assert_allclose(
        [found.value, found.low, found.high], [0.2, 0.0524, 0.3339], atol=5e-5
    )


def test_what_differs_is_told_by_name(base, large_fund, other_seed):
    assert differences([base, base]) == {}
    found = differences([base, large_fund, other_seed])
    assert found["configuration.venue.fund"] == [None, 1e5, None]
    assert found["configuration.seed"] == [7, 7, 8]
    assert found["num_scenarios"] == [COUNT, 16, 16]
    assert "configuration.shared" not in found
    assert found["scenario_hash"][0] != found["scenario_hash"][1]
    assert found["scenario_hash"][0] == found["scenario_hash"][2]


def test_runs_are_named_by_as_much_of_their_path_as_it_takes(base, large_fund):
    assert run_names([base, large_fund]) == ["base", "large_fund"]
    moved = type(base)(folder=base.folder.parent / "a" / "base", manifest={})
    assert run_names([base, moved]) == [f"{base.folder.parent.name}/base", "a/base"]
    in_memory = type(base)(tables=[], manifest={})
    assert run_names([in_memory, base]) == ["run 1", "base"]


@pytest.mark.parametrize("reference", ["zero", "other"])
def test_an_unknown_reference_is_refused(base, large_fund, reference):
    with pytest.raises(InputError, match=r"no policy is called.*base/zero"):
        compare([base, large_fund], reference)


def test_runs_that_cannot_be_read_are_refused(base):
    with pytest.raises(InputError, match="one run or more"):
        compare([])
    old = type(base)(folder=base.folder, manifest=base.manifest | {"format": 0})
    with pytest.raises(InputError, match="base: has format 0"):
        compare([base, old])


class Weighted(Results):
    """Results whose scenarios count for weights."""

    def weights(self):
        return np.linspace(0.5, 1.5, self.num_scenarios)


def test_tilted_scenarios_count_for_their_weights(base):
    weighted = Weighted(folder=base.folder, manifest=base.manifest)
    frame = compare([weighted])
    moved = base.column("unpaid")["queue"] - base.column("unpaid")["zero"]
    expected = np.average(moved, weights=weighted.weights())
    assert at(frame, "queue", "unpaid_mean_usd")["difference"] == pytest.approx(
        expected
    )
    # One seed under two laws: neither paired nor independent.
    other = Weighted(
        folder=base.folder, manifest=base.manifest | {"scenario_hash": "another"}
    )
    with pytest.raises(InputError, match="give one of them another seed"):
        compare([base, other])


def command(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


def test_the_command_prints_and_writes_the_same(base, large_fund, tmp_path):
    out = tmp_path / "table.parquet"
    result = command(base.folder, large_fund.folder, "--out", out)
    assert result.exit_code == 0, result.output
    assert "What differs" in result.stdout
    assert "configuration.venue.fund" in result.stdout.replace("\n", "")
    assert "paired draws" in result.stdout
    frame = pd.read_parquet(out)
    pd.testing.assert_frame_equal(frame, compare([base, large_fund]), check_dtype=False)
    shown = json.loads(
        command(base.folder, large_fund.folder, "--format", "json").stdout
    )
    assert [one["name"] for one in shown["runs"]] == ["base", "large_fund"]
    assert len(shown["figures"]) == len(frame)
    assert shown["differs"]["configuration.venue.fund"] == [None, 1e5]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nowhere",), "holds no run"),
        (("base", "--reference", "nobody"), "'nobody'"),
        (("base", "--out", "table.txt"), ".csv or .parquet"),
    ],
)
def test_bad_input_is_one_clear_error(base, monkeypatch, arguments, says):
    monkeypatch.chdir(base.folder.parent)
    result = command(*arguments)
    assert result.exit_code == 2
    assert says in result.output
    assert "Traceback" not in result.output


def test_an_unfinished_run_is_refused(base, tmp_path):
    for path in base.folder.iterdir():
        if path.name != "rows-000000000008.parquet":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    result = command(tmp_path)
    assert result.exit_code == 2
    assert "1 of 6 batches are missing" in result.output
