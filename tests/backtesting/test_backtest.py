"""Published figures to the cent, and every score against an independent recomputation."""

import dataclasses
import json

import numpy as np
import pytest

import adl_jax
from adl_jax import (
    Information,
    InputError,
    Recorded,
    Rounds,
    backtest,
    october10,
    october10_tables,
)
from adl_jax.backtesting import (
    Entry,
    Role,
    entries,
    fingerprint,
    semi_synthetic_entries,
)
from adl_jax.event import Event, read_events, with_deleveraged_accounts
from adl_jax.severity import Fixed, ProjectedGradient


@pytest.fixture(scope="module")
def result():
    return backtest(october10())


# Table 2 of arXiv 2602.15182: tracking and fairness components, USD.
TABLE_2 = {
    "production_queue": (53_782_490.53, 11_077_031.68, 64_859_522.21),
    "integer_pro_rata": (3_020_120.65, 384_064.35, 3_404_185.00),
    "vector_mirror_descent": (1_793_022.03, 2_620_345.57, 4_413_367.61),
    "min_max_ilp": (106_205.81, 0.0, 106_205.81),
    "continuous_pro_rata": (0.0, 2_732_437.29, 2_732_437.29),
}


@pytest.mark.parametrize("name", TABLE_2)
def test_table_2_to_the_cent(result, name):
    score = result[name]
    got = score.tracking_usd, score.fairness_usd, score.objective_usd
    np.testing.assert_allclose(got, TABLE_2[name], rtol=0, atol=0.0051)


def test_the_published_bound_and_shares(result):
    assert round(result.path_variation, 4) == 7.0595
    np.testing.assert_allclose(result.bound_usd, 129_699_802, atol=1)
    shares = {name: round(result[name].percent_of_bound, 1) for name in TABLE_2}
    assert shares["production_queue"] == 50.0
    assert shares["integer_pro_rata"] == 2.6
    assert shares["vector_mirror_descent"] == 3.4
    assert round(result["zero"].percent_of_bound, 2) == 13.81
    assert round(result["zero"].tracking_percent_of_bound, 2) == 11.63
    np.testing.assert_allclose(result.unreachable_usd, 48_462.90, atol=0.0051)


def test_a_standing_loss_counted_once(result):
    once = result.counted_once
    np.testing.assert_allclose(once["deficit_total_usd"], 12_657_729.41, atol=0.0051)
    assert round(once["path_variation"], 4) == 3.7200
    np.testing.assert_allclose(once["bound_usd"], 31_922_594.42, atol=0.0051)


def test_the_signed_sum_is_not_the_positive_part(result):
    score = result["production_queue"]
    np.testing.assert_allclose(score.tracking_signed_usd, 45_028_665.72, atol=0.0051)
    np.testing.assert_allclose(score.overshoot_usd, 49_405_578.12, atol=0.0051)
    signed = [row["tracking_signed_usd"] for row in result.horizons]
    positive = [row["overshoot_usd"] for row in result.horizons]
    assert [round(x / 1e6, 2) for x in (min(signed), max(signed))] == [45.03, 51.67]
    assert [round(x / 1e6, 2) for x in (min(positive), max(positive))] == [47.45, 51.82]


def recompute(event, executed, concentration):
    """Every sum of a row by NumPy alone."""
    needed, deficit = np.asarray(event.rounds.needed), np.asarray(event.rounds.deficit)
    theta = np.array(
        [min(1, n / d) if d > 0 else 0 for n, d in zip(needed, deficit, strict=True)]
    )
    path = abs(np.diff(theta)).sum()
    bound = ((1 + 2 * path) * (deficit**2).sum()) ** 0.5
    gap = executed - needed
    out = {
        "tracking_usd": abs(gap).sum(),
        "tracking_signed_usd": gap.sum(),
        "overshoot_usd": gap[gap > 0].sum(),
        "undershoot_usd": -gap[gap < 0].sum(),
        "tracking_percent_of_bound": 100 * abs(gap).sum() / bound,
        "tracking_percent_of_needed": 100 * abs(gap).sum() / needed.sum(),
    }
    least = event.recorded.get("min_max_ilp")
    if least is not None and concentration is not None:
        unfair = needed * abs(concentration - np.asarray(least.concentration))
        out["fairness_usd"] = unfair.sum()
        out["objective_usd"] = abs(gap).sum() + unfair.sum()
        out["percent_of_bound"] = 100 * out["objective_usd"] / bound
        out["objective_weight_2_usd"] = abs(gap).sum() + 2 * unfair.sum()
    return path, bound, out


def changed_event(seed):
    """The real rounds with every figure scaled and shuffled among rounds."""
    draw, event = np.random.default_rng(seed), october10()

    def changed(values):
        return draw.permutation(np.asarray(values)) * draw.uniform(0.1, 3)

    rounds = event.rounds
    return dataclasses.replace(
        event,
        rounds=Rounds(
            deficit=changed(rounds.deficit),
            needed=changed(rounds.needed),
            capacity_total=changed(rounds.capacity_total),
            start_ms=rounds.start_ms,
            end_ms=rounds.end_ms,
        ),
        recorded={
            name: Recorded(changed(row.executed), changed(row.concentration))
            for name, row in event.recorded.items()
        },
        largest_loss=None,
        horizons={},
    )


@pytest.mark.parametrize("seed", range(3))
def test_scores_follow_an_independent_recomputation(seed):
    event = changed_event(seed)
    result = backtest(event)
    rounds = event.rounds
    deficit, capacity = np.asarray(rounds.deficit), np.asarray(rounds.capacity_total)
    by_hand = {
        name: (np.asarray(row.executed), np.asarray(row.concentration))
        for name, row in event.recorded.items()
    }
    for name, theta in {"zero": 0.0, "fixed_0.5": 0.5, "full": 1.0}.items():
        executed = np.minimum(theta * deficit, capacity)
        by_hand[name] = executed, executed / capacity
    for name, row in by_hand.items():
        path, bound, expected = recompute(event, *row)
        got = result[name].row()
        for key, value in expected.items():
            np.testing.assert_allclose(got[key], value, rtol=1e-12, atol=1e-6)
    np.testing.assert_allclose(result.path_variation, path, rtol=1e-12)
    np.testing.assert_allclose(result.bound_usd, bound, rtol=1e-12)
    over = np.maximum(np.asarray(rounds.needed) - deficit, 0).sum()
    np.testing.assert_allclose(result.unreachable_usd, over, rtol=1e-12)


def test_regrets_are_measured_against_what_a_venue_could_have_run(result):
    runnable = [
        score
        for score in result.scores
        if score.entry.information is not Information.hindsight
    ]
    best = min(runnable, key=lambda score: score.objective_usd)
    assert best.policy_class_regret_usd == 0
    assert min(score.tracking_regret_usd for score in runnable) == 0
    for score in runnable:
        assert score.policy_class_regret_usd >= 0
    assert result["best_fixed_severity"].static_regret_usd == pytest.approx(0, abs=1e-6)
    assert result["hindsight"].dynamic_regret_usd == pytest.approx(0, abs=1e-6)
    fixed = [score for score in result.scores if score.entry.name.startswith("fixed")]
    assert all(score.static_regret_usd >= 0 for score in fixed)


def test_one_headline_learner_for_each_ex_ante_information_set(oct10):
    for event, sets in ((october10(), 1), (october10_tables(oct10), 2)):
        headlines = [entry for entry in entries(event) if entry.headline]
        assert {entry.role for entry in headlines} == {Role.learner}
        assert len({entry.information for entry in headlines}) == len(headlines) == sets
        assert all(entry.information.ex_ante for entry in headlines)


def test_what_is_fitted_in_hindsight_says_so(result):
    for score in result.scores:
        hindsight = score.entry.information is Information.hindsight
        if score.entry.role is Role.reference:
            assert hindsight
        if score.entry.role in (Role.constant, Role.learner):
            assert not hindsight


def test_undefined_values_are_null_and_json_has_no_nan():
    bare = Event(
        name="bare",
        rounds=Rounds([0.0], [0.0], [0.0], [0], [0]),
        labels=(1,),
        recorded={"mine": Recorded([1.0])},
    )
    values = backtest(bare).to_dict()
    text = json.loads(json.dumps(values, allow_nan=False))
    mine = next(row for row in text["policies"] if row["name"] == "mine")
    assert mine["fairness_usd"] is None
    assert mine["objective_usd"] is None
    assert mine["percent_of_bound"] is None
    assert mine["tracking_percent_of_needed"] is None
    assert mine["concentration_mean"] is None
    assert mine["tracking_usd"] == 1
    assert text["counted_once"] is None


def test_accounts_are_compared_on_one_budget(oct10):
    event = with_deleveraged_accounts(october10(), oct10 / "accounts_deleveraged.csv")
    result = backtest(event, semi_synthetic_entries())
    queue, pro_rata = result["semi_synthetic/queue"], result["semi_synthetic/pro_rata"]
    for score in (queue, pro_rata):
        assert score.entry.role is Role.semi_synthetic
        assert score.objective_usd is None
        np.testing.assert_allclose(
            score.trajectory.records.executed, event.rounds.needed, rtol=1e-9
        )
    assert queue.accounts["concentration_mean"] == 1
    assert pro_rata.accounts["adjacent_inversions"] == 0
    assert pro_rata.accounts["rank_correlation"] == 1
    assert pro_rata.accounts["accounts_touched"] == 19_230
    assert queue.accounts["adjacent_inversions"] > 0
    assert queue.accounts["accounts_touched"] < 1_000
    share = event.rounds.needed / event.rounds.capacity_total
    np.testing.assert_allclose(pro_rata.accounts["worst_decile"], share.mean())
    assert queue.row()["gini"] > pro_rata.row()["gini"]


def test_every_severity_stands_with_every_allocation_where_accounts_are(oct10):
    event = read_events(oct10 / "adl_detailed_sample.csv", october10())
    result = backtest(event)
    names = [score.entry.name for score in result.scores]
    assert len(names) == len(set(names))
    for name in ("full", "rate_1.0%", "last_value", "running_mean_rate", "hindsight"):
        for who in ("queue", "pro_rata"):
            score = result[f"{name}/{who}"]
            assert score.accounts is not None
    assert result["production_queue"].accounts is None
    assert sum(score.entry.headline for score in result.scores) == 2


def test_tables_have_a_row_for_each_policy_and_round(result):
    frame = result.to_pandas()
    assert list(frame["name"]) == [score.entry.name for score in result.scores]
    assert set(frame["status"]) == {"successful"}
    rounds = result.rounds_to_pandas()
    assert len(rounds) == 16 * len(frame)
    production = rounds[rounds["policy"] == "production_queue"]
    np.testing.assert_allclose(
        production["executed_usd"].sum(), 60_108_335.33, atol=0.01
    )


def test_fingerprints_follow_parts_and_numbers_not_precision():
    def policy(theta):
        return adl_jax.Policy(Fixed(theta), adl_jax.ProRata())

    assert fingerprint(policy(0.5)) == fingerprint(policy(np.float32(0.5)))
    assert len(fingerprint(policy(0.5))) == 12
    others = [
        policy(0.25),
        adl_jax.Policy(Fixed(0.5), adl_jax.Queue()),
        adl_jax.Policy(ProjectedGradient(0.5), adl_jax.ProRata()),
        adl_jax.Hindsight(policy(0.5)),
    ]
    assert len({fingerprint(other) for other in [policy(0.5), *others]}) == 5


def test_one_round_has_no_rank_correlation():
    one = Rounds([5.0], [2.0], [9.0], [0], [0], capacity=[[6.0, 3.0]])
    result = backtest(Event(name="one", rounds=one, labels=(1,)))
    row = result["full/pro_rata"].row()
    assert row["rank_correlation"] is None
    assert row["gini"] > 0


def test_a_recorded_name_of_ours_is_refused():
    event = dataclasses.replace(october10(), recorded={"zero": Recorded(np.ones(16))})
    with pytest.raises(InputError, match="two policies are named 'zero'"):
        backtest(event)


def test_chosen_entries_alone_are_compared():
    entry = Entry(
        "mine",
        adl_jax.Policy(Fixed(0.2), adl_jax.ProRata()),
        Role.constant,
        Information.deficit,
    )
    result = backtest(october10(), [entry])
    assert [score.entry.name for score in result.scores] == ["mine"]


MONEY = ("deficit", "needed", "capacity_total", "closeout_price", "closeout_gap")


def test_no_score_knows_the_unit_of_money(oct10):
    event = october10_tables(oct10)
    base = backtest(event).to_pandas().set_index("name")
    percents = [column for column in base if "percent" in column]
    dollars = [column for column in base if column.endswith("_usd")]
    assert len(percents) >= 9
    for unit in (0.01, 100.0):
        money = {name: getattr(event.rounds, name) * unit for name in MONEY}
        scaled = dataclasses.replace(
            event,
            rounds=dataclasses.replace(event.rounds, **money),
            recorded={
                name: dataclasses.replace(row, executed=row.executed * unit)
                for name, row in event.recorded.items()
            },
        )
        other = backtest(scaled).to_pandas().set_index("name")
        near = {"rtol": 1e-7, "atol": 1e-3}
        for columns, factor in ((percents, 1), (dollars, unit)):
            np.testing.assert_allclose(
                other[columns].astype(float) / factor,
                base[columns].astype(float),
                **near,
            )
        learners = base["role"] == "learner"
        assert (base["configuration"] == other["configuration"])[learners].all()


def test_rounds_in_another_order_are_another_event(oct10):
    # What happened is shuffled and the clock is not: constants score the same, the bound
    # follows the new path, and learners are replayed in the new order.
    event = october10_tables(oct10)
    order = np.random.default_rng(1).permutation(event.rounds.num_rounds)
    shuffled = {
        name: getattr(event.rounds, name)[order]
        for name in (*MONEY, "closeout_quantity")
    }
    moved = dataclasses.replace(
        event,
        rounds=dataclasses.replace(event.rounds, **shuffled),
        recorded={},
        horizons={},
        largest_loss=None,
    )
    chosen = [
        entry
        for entry in entries(moved)
        if entry.headline or entry.role is Role.constant
    ]
    base, other = backtest(event, chosen), backtest(moved, chosen)
    assert other.bound_usd != base.bound_usd
    for entry in chosen:
        before, after = (result[entry.name].tracking_usd for result in (base, other))
        if entry.role is Role.constant:
            np.testing.assert_allclose(after, before)
        else:
            assert np.isfinite(after)
            assert abs(after / before - 1) > 1e-3
