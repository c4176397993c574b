"""Online learners against what each should do, written out by hand."""

import dataclasses
import sys
from pathlib import Path

import chex
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
import pytest

import adl_jax
from adl_jax import Information, Policy, ProRata
from adl_jax.mirror import BinaryEntropy
from adl_jax.severity import (
    AdaHedge,
    ConstantRate,
    Experts,
    Fixed,
    Hedge,
    MirrorDescentSeverity,
    Pinball,
    ProjectedGradient,
    Rate,
    RunningMean,
    Share,
    ShrunkenRate,
    StronglyAdaptive,
    WeightedMedian,
    ader,
    deficit_learner,
    multiplicative_rate,
    notional_learner,
    rate_pool,
    severities,
    share_pool,
    stack,
    tier_pool,
)
from adl_jax.severity.experts import commitment_of
from adl_jax.severity.weighted_median import weighted_quantile
from tests.conftest import make_rounds


sys.path.insert(0, str(Path(__file__).parents[1] / "experiments"))

import families
import synthetic_scores


def ample(rounds=9, seed=4, **changes):
    """Rounds whose deficits and capacities never bind, without accounts."""
    bare = dict.fromkeys(("capacity", "score", "leverage"))
    return make_rounds(
        seed, rounds=rounds, deficit=np.full(rounds, 1e9),
        capacity_total=np.full(rounds, 1e9), **(bare | changes),
    )  # fmt: skip


def executed(rounds, severity):
    return np.asarray(
        adl_jax.replay(rounds, Policy(severity, ProRata())).records.executed
    )


def test_the_pinball_loss_is_convex_exact_inside_and_never_below_what_is_executed():
    pinball = Pinball(2.0, 3.0)
    asked = jnp.linspace(0, 20, 401)
    for needed, limit in ((5.0, 10.0), (15.0, 10.0), (10.0, 10.0), (0.0, 10.0)):
        needed, limit = jnp.asarray(needed), jnp.asarray(limit)
        loss = pinball.loss(asked, needed, limit)
        assert (np.diff(loss, 2) >= -1e-9).all()
        paid = jnp.minimum(asked, limit)
        gap = 2 * jnp.maximum(needed - paid, 0) + 3 * jnp.maximum(paid - needed, 0)
        excess = gap - 2 * jnp.maximum(needed - limit, 0)
        assert (loss >= excess - 1e-9).all()
        inside = asked <= limit
        np.testing.assert_allclose(loss[inside], excess[inside], atol=1e-9)
        slope = jax.vmap(jax.grad(lambda b: pinball.loss(b, needed, limit)))(asked)  # noqa: B023
        kink = jnp.abs(asked - jnp.minimum(needed, limit)) < 1e-9
        np.testing.assert_allclose(
            np.where(kink, 0, slope), pinball.slope(asked, needed, limit), atol=1e-12
        )


def test_a_weighted_median_loses_least():
    draw = np.random.default_rng(0)
    for quantile in (0.2, 0.5, 0.9):
        for _ in range(20):
            values, weight = draw.random(9), draw.random(9) * (draw.random(9) < 0.7)
            found = weighted_quantile(
                jnp.asarray(values), jnp.asarray(weight), jnp.asarray(quantile)
            )
            gaps = values[None] - values[:, None]
            losses = np.where(gaps > 0, quantile * gaps, (quantile - 1) * gaps) @ weight
            own = values - float(found)
            cost = np.where(own > 0, quantile * own, (quantile - 1) * own) @ weight
            np.testing.assert_allclose(cost, losses.min(), atol=1e-12)
    nothing = weighted_quantile(jnp.ones(3), jnp.zeros(3), jnp.asarray(0.5))
    assert nothing == 0


def test_following_the_leader_is_the_best_constant_so_far():
    rounds = ample()
    for coordinate, unit in (
        (Share(), np.asarray(rounds.deficit)),
        (Rate(), np.asarray(rounds.closeout_notional).sum(axis=1)),
    ):
        got = executed(rounds, WeightedMedian(coordinate, 0.0)) / unit
        needed = np.asarray(rounds.needed)
        for t in range(1, rounds.num_rounds):
            candidates = needed[:t] / unit[:t]
            losses = np.abs(candidates[:, None] * unit[:t] - needed[:t]).sum(axis=1)
            own = np.abs(got[t] * unit[:t] - needed[:t]).sum()
            np.testing.assert_allclose(own, losses.min(), rtol=1e-9)


def test_a_forgetful_median_forgets():
    rounds = ample(rounds=12)
    short = dataclasses.replace(WeightedMedian(Rate(), 0.0), memory=1)
    notional = np.asarray(rounds.closeout_notional).sum(axis=1)
    ratio = np.asarray(rounds.needed) / notional
    np.testing.assert_allclose(
        executed(rounds, short)[1:] / notional[1:], ratio[:-1], rtol=1e-9
    )


def test_shrunken_rates_by_hand():
    rounds = ample(rounds=6)
    notional, gap = (
        np.asarray(rounds.closeout_notional),
        np.asarray(rounds.closeout_gap),
    )
    gap = gap * (np.asarray(rounds.needed) / gap.sum(axis=1))[:, None]
    factor = (10 / np.asarray(rounds.max_leverage)) ** 0.5
    severity = ShrunkenRate(0.02, tier=Rate(0.5), trust=0.5)
    rates = adl_jax.replay(rounds, Policy(severity, ProRata())).records.commitment.rate
    np.testing.assert_allclose(rates[0], 0.02 * factor)
    for t in range(1, 6):
        unit = notional[:t] * factor
        level = np.asarray(rounds.needed)[:t].sum() / unit.sum()
        typical = unit.sum() / (notional[:t] > 0).sum()
        own = unit.sum(axis=0)
        weight = own / (own + 2 * typical)
        rate = np.where(own > 0, gap[:t].sum(axis=0) / np.where(own > 0, own, 1), 0)
        expected = factor * (weight * rate + (1 - weight) * level)
        np.testing.assert_allclose(rates[t], expected, rtol=1e-9)


def test_without_trust_and_tiers_it_is_the_running_mean():
    rounds = ample()
    np.testing.assert_allclose(
        executed(rounds, ShrunkenRate(0.02, trust=0.0)),
        executed(rounds, RunningMean(Rate(), 0.02)),
        rtol=1e-12,
    )


def test_learners_do_without_limits_and_without_costs_by_market():
    rounds = ample(max_leverage=None, closeout_gap=None)
    for severity in (notional_learner(), ShrunkenRate()):
        assert np.isfinite(executed(rounds, severity)).all()
    flat = ample(max_leverage=np.full(3, 10.0), closeout_gap=None)
    np.testing.assert_allclose(
        executed(rounds, notional_learner()), executed(flat, notional_learner())
    )


RATES = {
    name: make
    for name, make in severities.items()
    if make().information is Information.notional
} | {"weighted_median_by_tier": lambda: WeightedMedian(Rate(1.0), 0.01)}


@pytest.mark.parametrize("name", RATES)
def test_streaming_equals_batch(name):
    # A rate committed at the start, paid as close-outs arrive in three parts, comes to
    # what the loop executes at the end; the parts are not known when it is committed.
    rounds = ample()
    trajectory = adl_jax.replay(rounds, Policy(RATES[name](), ProRata()))
    rate = np.asarray(trajectory.records.commitment.rate)
    rate = np.broadcast_to(rate.reshape(rounds.num_rounds, -1), (rounds.num_rounds, 3))
    notional = np.asarray(rounds.closeout_notional)
    parts = np.random.default_rng(0).dirichlet(np.ones(3), notional.shape)
    streamed = np.zeros(rounds.num_rounds)
    for part in range(3):
        streamed += (rate * notional * parts[..., part]).sum(axis=1)
    np.testing.assert_allclose(streamed, trajectory.records.executed, rtol=1e-9)


@pytest.mark.parametrize("make", [deficit_learner, notional_learner])
@pytest.mark.parametrize("unit", [0.01, 100.0])
def test_headline_scores_do_not_know_the_unit_of_money(make, unit):
    money = ("deficit", "needed", "capacity_total", "closeout_price", "closeout_gap")
    bare = dict.fromkeys(("capacity", "score", "leverage"))
    rounds = make_rounds(8, rounds=16, markets=5, **bare)
    scaled = dataclasses.replace(
        rounds, **{name: getattr(rounds, name) * unit for name in money}
    )

    def percent(rounds):
        gap = np.abs(executed(rounds, make()) - np.asarray(rounds.needed))
        return 100 * gap.sum() / np.asarray(rounds.needed).sum()

    np.testing.assert_allclose(percent(scaled), percent(rounds), rtol=1e-9)


def numpy_ada_hedge(losses):
    """De Rooij et al. (2014), section 2.2: weights of every round."""
    total, gap, weights = np.zeros(losses.shape[1]), 0.0, []
    for loss in losses:
        if gap == 0:
            weight = (total == total.min()).astype(float)
        else:
            rate = np.log(len(total)) / gap
            weight = np.exp(-rate * (total - total.min()))
        weight /= weight.sum()
        weights.append(weight)
        mean = weight @ loss
        if gap == 0:
            mixed = (total + loss).min() - total.min()
        else:
            mixed = -np.log(weight @ np.exp(-rate * (loss - loss.min()))) / rate
            mixed += loss.min()
        gap += max(mean - mixed, 0)
        total += loss
    return np.array(weights)


def test_ada_hedge_is_de_rooijs():
    rounds = make_rounds(
        3, rounds=14, **dict.fromkeys(("capacity", "score", "leverage"))
    )
    shares = np.linspace(0, 1, 6)
    pool = Experts((jax.vmap(Fixed)(jnp.asarray(shares)),))
    limit = np.minimum(rounds.deficit, rounds.capacity_total)
    budgets = np.minimum(shares * np.asarray(rounds.deficit)[:, None], limit[:, None])
    # Where the limit is needed in full every expert is charged less than it.
    target = np.minimum(rounds.needed, limit)
    weights = numpy_ada_hedge(np.abs(budgets - target[:, None]))
    np.testing.assert_allclose(
        executed(rounds, AdaHedge(pool)), (weights * budgets).sum(axis=1), rtol=1e-9
    )


def test_hedge_by_hand():
    rounds = ample(needed=np.random.default_rng(5).random(9) * 1e9)
    shares = np.linspace(0, 1, 4)
    learner = Hedge(
        Experts((jax.vmap(Fixed)(jnp.asarray(shares)),)),
        learning_rate=0.7, prior=[4.0, 2.0, 1.0, 1.0], largest_loss=1e9,
    )  # fmt: skip
    losses = np.abs(shares - np.asarray(rounds.needed)[:, None] / 1e9)
    before = np.vstack([np.zeros(4), np.cumsum(losses, axis=0)[:-1]])
    weights = np.array([4, 2, 1, 1]) * np.exp(-0.7 * before)
    weights /= weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(executed(rounds, learner) / 1e9, weights @ shares)


def test_one_expert_alone_is_that_expert():
    rounds = ample()
    for one in (WeightedMedian(), multiplicative_rate(), ProjectedGradient()):
        for combine in ("mean", "median"):
            alone = AdaHedge(Experts((stack([one]),)), combine)
            np.testing.assert_allclose(
                executed(rounds, alone), executed(rounds, one), rtol=1e-12
            )


def test_a_median_loses_twice_the_mean_in_one_market_and_anything_in_three():
    draw = np.random.default_rng(0)
    for _ in range(200):
        rates, weights = draw.pareto(0.7, 5), draw.dirichlet(np.ones(5))
        vote = commitment_of(
            jnp.asarray(rates)[:, None], jnp.asarray(weights), Information.notional,
            "median",
        ).rate  # fmt: skip
        needed = draw.pareto(0.7)
        assert abs(vote - needed) <= 2 * weights @ abs(rates - needed) * (1 + 1e-12)
    # Each expert is right about the sum, from another market; the vote raises nothing.
    third = jnp.full(3, 1 / 3)
    vote = commitment_of(jnp.eye(3), third, Information.notional, "median").rate
    np.testing.assert_array_equal(vote, 0)


def test_a_pool_is_of_one_information_set():
    with pytest.raises(ValueError, match="one information set"):
        Experts((stack([Fixed()]), stack([ConstantRate()])))


def test_mirror_descent_with_sgd_is_the_papers_gradient_descent():
    rounds = make_rounds(2, rounds=9)
    # The paper's step is in 1/USD and its slopes in USD.
    own = MirrorDescentSeverity(step_size=1e-3, initial=0.3, largest_slope=1.0, decay=0)
    np.testing.assert_allclose(
        executed(rounds, own),
        executed(rounds, ProjectedGradient(1e-3, 0.3)),
        rtol=1e-12,
    )


def test_ader_is_gradient_descent_at_steps_a_factor_of_two_apart():
    learner = ader(16)
    steps = np.asarray(learner.experts.stacks[0].step_size)
    np.testing.assert_allclose(steps, np.sqrt(7 / 32) * 2.0 ** np.arange(len(steps)))
    assert len(steps) == 3


def test_strongly_adaptive_experts_restart():
    # Needed jumps after 32 rounds: what was learned before is forgotten in time.
    needed = np.concatenate([np.full(32, 0.9e9), np.full(16, 0.1e9)])
    rounds = ample(rounds=48, needed=needed)
    severe = np.asarray(executed(rounds, StronglyAdaptive())) / 1e9
    assert severe[30] > 0.5
    assert severe[46] < 0.2
    # At a power of two all intervals of the cover begin, and nothing is remembered.
    np.testing.assert_allclose(severe[31], 0.1)


@pytest.mark.parametrize("optimizer", [optax.sgd, optax.adagrad])
def test_one_trace_serves_all_step_sizes(optimizer):
    chex.clear_trace_counter()
    rounds = make_rounds()

    def tracked(step):
        severity = MirrorDescentSeverity(
            mirror_map=BinaryEntropy(), optimizer=optimizer, step_size=step,
            lower=1e-3, upper=0.999,
        )  # fmt: skip
        return adl_jax.replay(
            rounds, Policy(severity, ProRata())
        ).records.executed.sum()

    once = jax.jit(chex.assert_max_traces(tracked, n=1))
    values = [float(once(jnp.asarray(step))) for step in (0.1, 0.5, 2.0)]
    assert len(set(values)) == 3
    np.testing.assert_allclose(
        jax.vmap(tracked)(jnp.asarray([0.1, 0.5, 2.0])), values, rtol=1e-10
    )


def test_pools_have_their_sizes():
    assert tier_pool().count == 56
    assert rate_pool().count == 96
    assert share_pool().count == 10


def test_headlines_beat_their_rivals_on_a_synthetic_family():
    stacks = families.episodes(families.random_participation, 200, seed=7)[1:2]
    rivals = {"zero": Fixed(0), "half": Fixed(0.5), "ogd": ProjectedGradient()}
    for learner in (deficit_learner(), notional_learner()):
        own = synthetic_scores.relative_losses(stacks, learner)
        for rival in rivals.values():
            other = synthetic_scores.relative_losses(stacks, rival)
            assert synthetic_scores.compared(own, other)[2] < 0


def test_the_committed_scores_are_of_every_family_and_all_won():
    folder = Path(synthetic_scores.__file__).parent / "results"
    rows = pd.read_csv(folder / "synthetic_scores.csv")
    laws = {**families.CHOSEN, **families.HELD_OUT}
    assert set(rows["family"]) == set(laws)
    assert (rows["episodes"] >= 200).all()
    # Two headlines against doing nothing, the best constant and the paper's descent.
    assert len(rows) == 6 * len(laws)
    assert (rows["high_95"] < 0).all()


def test_gradients_through_a_pool_are_those_of_finite_differences():
    rounds = ample(rounds=5)
    notional = np.asarray(rounds.closeout_notional).sum(axis=1)

    def loss(rate):
        expert = jax.vmap(lambda r: ShrunkenRate(r, trust=0.5))
        pool = Experts((expert(jnp.stack([rate, 2 * rate, rate / 3])),))
        records = adl_jax.replay(rounds, Policy(AdaHedge(pool), ProRata())).records
        return ((records.executed - records.needed) ** 2).sum() / notional.sum() ** 2

    point = jnp.asarray(0.02)
    slope = eqx.filter_grad(loss)(point)
    step = 1e-6
    numeric = (loss(point + step) - loss(point - step)) / (2 * step)
    np.testing.assert_allclose(slope, numeric, rtol=1e-5)
    assert slope != 0
