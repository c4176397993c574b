"""The embedded figures are the public ones, and another event's are refused."""

import shutil

import numpy as np
import pandas as pd
import pytest

from adl_jax import Information, InputError, october10, october10_tables
from adl_jax.event import with_deleveraged_accounts


SOURCE_COLUMNS = {
    "production_queue": "prod",
    "integer_pro_rata": "contract_pr",
    "vector_mirror_descent": "vector",
    "min_max_ilp": "fixed_point_ilp_integer",
    "continuous_pro_rata": "pr",
}


def test_the_embedded_event_is_complete():
    event = october10()
    assert event.rounds.num_rounds == 16
    assert event.labels[:4] == (1, 2, 4, 5)
    assert event.rounds.deficit_basis == "published"
    assert list(event.recorded) == list(SOURCE_COLUMNS)
    assert event.recorded["production_queue"].information is Information.observed
    others = [event.recorded[name] for name in list(SOURCE_COLUMNS)[1:]]
    assert {row.information for row in others} == {Information.hindsight}
    assert sorted(event.horizons) == [0, 500, 1000, 2000, 5000]
    np.testing.assert_array_equal(
        event.horizons[0], event.recorded["production_queue"].executed
    )


def test_embedded_figures_equal_the_public_tables(oct10):
    event, table = october10(), pd.read_csv(oct10 / "policy_per_wave_metrics.csv")
    losers = pd.read_csv(oct10 / "bad_debt_loser_waves.csv")
    rounds = event.rounds
    assert event.labels == tuple(table["wave"])
    np.testing.assert_array_equal(rounds.start_ms, losers["t_start_ms"])
    np.testing.assert_array_equal(rounds.end_ms, losers["t_end_ms"])
    # Embedded with six decimals: rounding moves no sum of sixteen by a cent.
    micro = {"rtol": 0, "atol": 5.1e-7}
    np.testing.assert_allclose(rounds.deficit, table["deficit_usd"], **micro)
    np.testing.assert_allclose(rounds.needed, table["budget_needed"], **micro)
    np.testing.assert_allclose(rounds.capacity_total, table["total_cap"], **micro)
    np.testing.assert_allclose(event.largest_loss, losers["max_loss_usd"], **micro)
    for name, column in SOURCE_COLUMNS.items():
        recorded = event.recorded[name]
        np.testing.assert_allclose(
            recorded.executed, table[f"budget_{column}"], **micro
        )
        np.testing.assert_allclose(
            recorded.concentration, table[f"max_pct_{column}"], rtol=1e-11
        )
    sweep = pd.read_csv(oct10 / "two_pass_equity_delta_by_wave.csv")
    for horizon, executed in event.horizons.items():
        rows = sweep[sweep["horizon_ms"] == horizon]
        np.testing.assert_allclose(executed, rows["budget_prod_usd"], **micro)


def test_public_tables_add_close_outs_whose_gaps_sum_to_needed(oct10):
    event = october10_tables(oct10)
    rounds = event.rounds
    assert len(rounds.markets) == 162
    np.testing.assert_allclose(
        rounds.closeout_gap.sum(axis=1), rounds.needed, atol=1e-5
    )
    prices = pd.read_csv(oct10 / "adl_net_volume_full_12min.csv").set_index("ticker")
    coins = pd.read_csv(oct10 / "two_pass_wave_coin_gap_per_contract.csv")
    notional = coins["qty_contracts"] * coins["coin"].map(prices["avg_price"])
    np.testing.assert_allclose(
        rounds.closeout_notional.sum(), notional.sum(), rtol=1e-12
    )


def test_leverage_limits_are_the_published_ones_and_five_where_there_is_none(oct10):
    rounds = october10_tables(oct10).rounds
    limits = dict(zip(rounds.markets, np.asarray(rounds.max_leverage), strict=True))
    assert (limits["BTC"], limits["ETH"], limits["SOL"]) == (40, 25, 20)
    assert (limits["DOGE"], limits["HYPE"]) == (10, 10)
    assert set(limits.values()) == {40, 25, 20, 10, 5}


def copy_tables(oct10, folder, **edits):
    shutil.copytree(oct10, folder, dirs_exist_ok=True)
    for name, edit in edits.items():
        path = folder / f"{name}.csv"
        path.chmod(0o644)
        edit(pd.read_csv(path)).to_csv(path, index=False)
    return folder


@pytest.mark.parametrize(
    ("table", "edit", "words"),
    [
        (
            "policy_per_wave_metrics",
            lambda t: t.assign(deficit_usd=t["deficit_usd"] * 2),
            ["row 1 (line 2), column deficit_usd", "published as", "--rounds"],
        ),
        ("policy_per_wave_metrics", lambda t: t.head(15), ["15 rows"]),
        (
            "policy_per_wave_metrics",
            lambda t: t.drop(columns="total_cap"),
            ["'total_cap' is missing"],
        ),
        (
            "policy_per_wave_metrics",
            lambda t: t.assign(budget_vector=1.0),
            ["column budget_vector", "published as"],
        ),
        (
            "bad_debt_loser_waves",
            lambda t: t.assign(t_end_ms=t["t_end_ms"] + 9_000),
            ["column t_end_ms"],
        ),
        (
            "eval_horizon_sweep",
            lambda t: t.assign(total_H_prod_usd=1.0),
            ["column total_H_prod_usd"],
        ),
        (
            "adl_net_volume_full_12min",
            lambda t: t[t["ticker"] != "BTC"],
            ["no avg_price for BTC"],
        ),
        (
            "two_pass_wave_coin_gap_per_contract",
            lambda t: t.assign(qty_contracts=-t["qty_contracts"]),
            ["row 1 (line 2)", "qty_contracts", "at or above"],
        ),
        (
            "two_pass_wave_coin_gap_per_contract",
            lambda t: t.assign(wave=99),
            ["row 1 (line 2), column wave", "value 99"],
        ),
        (
            "two_pass_wave_coin_gap_per_contract",
            lambda t: pd.concat([t, t.tail(1)]),
            ["row 729", "there already"],
        ),
        (
            "two_pass_equity_delta_by_wave",
            lambda t: t.tail(79),
            ["no row for horizon 0 ms and round 1"],
        ),
        (
            "accounts_deleveraged",
            lambda t: t.assign(closed_pnl=-1.0),
            ["no closed_pnl is above 0"],
        ),
    ],
)
def test_bad_tables_are_refused_by_place(oct10, tmp_path, table, edit, words):
    folder = copy_tables(oct10, tmp_path / "tables", **{table: edit})
    with pytest.raises(InputError) as caught:
        with_deleveraged_accounts(
            october10_tables(folder), folder / "accounts_deleveraged.csv"
        )
    for word in [f"{table}.csv", *words]:
        assert word in str(caught.value)


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        october10_tables(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"policy_per_wave_metrics.csv: no such file"):
        october10_tables(tmp_path)


def test_semi_synthetic_accounts_have_the_real_capacity_sums(oct10):
    path = oct10 / "accounts_deleveraged.csv"
    event = with_deleveraged_accounts(october10(), path)
    assert event.rounds.capacity.shape == (16, 19_337)
    sums = np.asarray(event.rounds.capacity).sum(axis=1)
    np.testing.assert_allclose(sums, event.rounds.capacity_total, rtol=1e-12)
    profit = pd.read_csv(path)["closed_pnl"].clip(lower=0)
    np.testing.assert_allclose(
        event.rounds.capacity[3] / sums[3], profit / profit.sum(), rtol=1e-12
    )
    assert any("semi-synthetic" in note.lower() for note in event.notes)
    assert any("HyperReplay" in source for source in event.sources)
