"""Vector policies: feasible, below their bounds, and what they learn."""

import chex
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from jax.test_util import check_grads

import adl_jax
from adl_jax import Information, Policy, ProRata
from adl_jax.evaluate.descent_bounds import fraction_descent_bound
from adl_jax.evaluate.loss import surrogate
from adl_jax.severity import Fixed, LastValue, Rate, RunningMean
from adl_jax.testing import leaks
from adl_jax.vector import (
    Entropic,
    Euclidean,
    FractionDescent,
    FractionLearner,
    MarketMeanRate,
    MinMaxLots,
    PerMarketDescent,
    PrimalDual,
    fraction_gradient,
    vector_policies,
)
from tests.conftest import make_rounds, round_fields


GEOMETRIES = {"euclidean": Euclidean, "entropic": Entropic}


def rounds_of(capacity, deficit=None, needed=None, **changes):
    """Rounds with these capacities; deficits are half of them where not given."""
    capacity = np.asarray(capacity, float)
    total = capacity.sum(axis=1)
    deficit = total / 2 if deficit is None else np.asarray(deficit, float)
    needed = deficit if needed is None else np.asarray(needed, float)
    times = np.arange(len(total)) * 1_000
    return adl_jax.Rounds(
        deficit, needed, total, times, times, capacity=capacity, **changes
    )


# The gradient


def test_the_gradient_is_that_of_the_surrogate():
    capacity = jnp.array([10.0, 4.0, 0.0, 7.0])
    haircut = jnp.array([2.0, 3.0, 0.0, 1.0])

    def loss(x):
        share = jnp.where(capacity > 0, x, 0) / jnp.where(capacity > 0, capacity, 1)
        return surrogate(x.sum(), jnp.asarray(4.5), share.max(), track=0.7, fair=3.0)

    weights = {"track": jnp.asarray(0.7), "fair": jnp.asarray(3.0)}
    ours = fraction_gradient(haircut, capacity, jnp.asarray(4.5), **weights)
    expected = jnp.where(capacity > 0, capacity * jax.grad(loss)(haircut), 0)
    np.testing.assert_allclose(ours, expected, rtol=1e-14)
    met = fraction_gradient(haircut, capacity, haircut.sum(), **weights)
    np.testing.assert_allclose(met, [0, 3, 0, 0], rtol=1e-14)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    st.lists(st.floats(0, 1e6), min_size=6, max_size=6),
    st.lists(st.floats(0, 1), min_size=6, max_size=6),
    st.lists(st.floats(0, 1), min_size=6, max_size=6),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_the_gradient_is_a_subgradient_also_at_ties(capacity, share, other, tie):
    capacity = jnp.asarray(capacity)
    one, two = jnp.maximum(jnp.asarray(share), tie), jnp.asarray(other)
    # Where capacities are next to nothing, money is rounded before fractions are.
    one, two = (
        jnp.where(capacity > 0, capacity * h, 0) / jnp.where(capacity > 0, capacity, 1)
        for h in (one, two)
    )
    fair, needed = capacity.sum() + 1, capacity.sum() / 3

    def loss(h):
        return surrogate((capacity * h).sum(), needed, h.max(), fair=fair)

    x = capacity * one
    g = fraction_gradient(x, capacity, needed, track=jnp.ones(()), fair=fair)
    scale = float(loss(one) + loss(two)) + 1
    assert loss(two) >= loss(one) + g @ (two - one) - 1e-12 * scale


# Feasibility


@pytest.mark.parametrize("geometry", GEOMETRIES)
@settings(deadline=None, derandomize=True, max_examples=30)
@given(
    st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1e9)), min_size=35, max_size=35),
    st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1)), min_size=5, max_size=5),
    st.floats(0.01, 100),
)
def test_haircuts_are_feasible_and_raise_the_budget(geometry, capacity, share, step):
    grid = np.array(capacity).reshape(5, 7)
    total = grid.sum(axis=1)
    rounds = rounds_of(grid, deficit=total * np.array(share))
    policy = FractionDescent(Fixed(1), FractionLearner(GEOMETRIES[geometry](), step))
    records = adl_jax.replay(rounds, policy).records
    haircut = np.asarray(records.haircut)
    assert (haircut >= 0).all()
    assert (haircut <= grid).all()
    np.testing.assert_allclose(haircut.sum(axis=1), records.budget, rtol=1e-12)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize(("dtype", "dust"), [("float32", 1e-30), ("float64", 1e-300)])
def test_a_winner_of_next_to_nothing_has_a_finite_slope(geometry, dtype, dust):
    draw = np.random.default_rng(0)
    capacity = draw.pareto(1.0, (8, 5)) * 1e6
    capacity[:, 2] = dust
    rounds = jax.tree.map(
        lambda leaf: leaf.astype(dtype) if leaf.dtype == float else leaf,
        rounds_of(capacity, needed=np.zeros(8)),
    )
    policy = FractionDescent(Fixed(1), FractionLearner(GEOMETRIES[geometry]()))
    trajectory = adl_jax.replay(rounds, policy)
    haircut = np.asarray(trajectory.records.haircut)
    assert trajectory.status == adl_jax.RESULTS.successful
    assert np.isfinite(haircut).all()
    np.testing.assert_allclose(haircut.sum(axis=1), rounds.deficit, rtol=1e-5)
    if geometry == "euclidean":
        # The others learn: after the first round they do not all pay the same fraction.
        share = haircut[1] / np.asarray(rounds.capacity)[1]
        assert np.ptp(share[[0, 1, 3, 4]]) > 1e-3


# What is learned


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_one_step_is_the_textbook_one(geometry):
    capacity = np.array([[8.0, 4.0, 2.0], [6.0, 3.0, 9.0]])
    rounds = rounds_of(capacity, deficit=[7.0, 6.0], needed=[3.0, 6.0])
    learner = FractionLearner(GEOMETRIES[geometry](), step_size=0.3)
    records = adl_jax.replay(rounds, FractionDescent(Fixed(1), learner)).records
    first = capacity[0] / 2
    np.testing.assert_allclose(records.haircut[0], first, rtol=1e-12)
    # All three share the largest fraction, and too much was raised.
    g = 1 + 14 / 3 / capacity[0]
    if geometry == "euclidean":
        moved = 0.5 - 0.3 * capacity[0] * g / np.linalg.norm(capacity[0] * g)
        u, budget = capacity[1], 6.0
        tau = np.linspace(-1, 1, 2_000_001)
        sums = (u * np.clip(moved + tau[:, None] * u, 0, 1)).sum(axis=1)
        h = np.clip(moved + tau[np.abs(sums - budget).argmin()] * u, 0, 1)
        tolerance = 1e-4
    else:
        w = np.exp(-0.3 * g / g.max())
        h = 6.0 * w / (capacity[1] @ w)
        tolerance = 1e-12
    np.testing.assert_allclose(records.haircut[1], capacity[1] * h, rtol=tolerance)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_what_was_learned_outlives_a_change_of_capacities(geometry):
    # Account 1 is no winner in round 1, and keeps the coordinate it had.
    capacity = np.array([[8.0, 4.0, 2.0], [8.0, 0.0, 2.0], [5.0, 4.0, 1.0]])
    learner = FractionLearner(GEOMETRIES[geometry](), step_size=0.2)
    policy = FractionDescent(Fixed(1), learner)
    state = learner.init(jnp.asarray(capacity[0]))
    coordinates = []
    for u in map(jnp.asarray, capacity):
        budget = u.sum() / 2
        x = learner.play(state, u, budget)
        state = learner.learn(state, u, budget, x, budget)
        coordinates.append(np.asarray(state.learned))
    assert coordinates[1][1] == coordinates[0][1]
    assert coordinates[2][1] != coordinates[1][1]
    records = adl_jax.replay(rounds_of(capacity), policy).records
    assert records.haircut[1, 1] == 0


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_fairness_pulls_an_uneven_start_to_pro_rata(geometry):
    u = jnp.array([10.0, 5.0, 1.0, 20.0])
    learner = FractionLearner(GEOMETRIES[geometry](), step_size=0.3, track=0, fair=1)
    uneven = jnp.array([0.9, 0.2, 0.1, 0.3])
    state = learner.init(u)._replace(learned=uneven, started=jnp.ones(()))
    budget = u.sum() / 4

    def one_round(state, _):
        x = learner.play(state, u, budget)
        return learner.learn(state, u, budget, x, budget), (x / u).max()

    _, largest = jax.lax.scan(one_round, state, None, length=3_000)
    assert largest[0] > 0.4
    assert largest[-300:].mean() < 0.28


def bound(learner, points, stars, gradients):
    """The guarantee of `FractionLearner`, from what was played. In fractions."""
    norms = np.linalg.norm(gradients, axis=1)
    moves = np.linalg.norm(np.diff(stars, axis=0), axis=1)
    reach = np.linalg.norm(points - stars, axis=1).max()
    parts = map(jnp.asarray, (norms, moves, reach))
    return float(fraction_descent_bound(*parts, learner.step_size).value)


def played(learner, capacity, budget, needed):
    """Fractions, gradients in fractions and losses of a learner on given rounds."""

    def one_round(state, now):
        u, b, target = now
        x = learner.play(state, u, b)
        g = fraction_gradient(
            x, u, target, track=learner.track, fair=learner.fair * u.sum()
        )
        share = jnp.max(x / u)
        loss = surrogate(x.sum(), target, share, fair=learner.fair * u.sum())
        return learner.learn(state, u, b, x, target), (x / u, g, loss)

    rounds = jax.tree.map(jnp.asarray, (capacity, budget, needed))
    return jax.lax.scan(one_round, learner.init(rounds[0][0]), rounds)[1]


def sequences(family, draw, rounds=60, accounts=4):
    """Capacities and budgets: fixed, alternating as in (18), or heavy-tailed noise."""
    if family == "fixed":
        capacity = np.tile(draw.pareto(0.8, accounts) + 1, (rounds, 1))
        return capacity, np.full(rounds, capacity[0].sum() * draw.uniform(0.05, 0.95))
    if family == "alternating":
        pair = draw.pareto(0.8, accounts) + 1
        capacity = np.where(np.arange(rounds)[:, None] % 2 == 0, pair, pair[::-1])
        return capacity, np.full(rounds, pair.min() * draw.uniform(0.1, 1))
    capacity = draw.pareto(0.8, (rounds, accounts)) + 1e-3
    return capacity, capacity.sum(axis=1) * draw.uniform(0.01, 0.99, rounds)


@pytest.mark.parametrize("family", ["fixed", "alternating", "noise"])
def test_euclidean_regret_is_below_its_bound(family):
    ratios = []
    run = jax.jit(played)
    for seed in range(60):
        draw = np.random.default_rng(seed)
        capacity, budget = sequences(family, draw)
        # A target above or below every budget: the tracking gradient never rests.
        needed = budget * draw.choice([0.0, 2.0], len(budget))
        learner = FractionLearner(Euclidean(), 10.0 ** draw.uniform(-2, 1))
        h, g, loss = map(np.asarray, run(learner, capacity, budget, needed))
        even = (budget / capacity.sum(axis=1))[:, None] * np.ones_like(h)
        total = float(learner.fair) * capacity.sum(axis=1)
        best = np.abs(budget - needed) + total * even[:, 0]
        allowed = bound(learner, h, even, g)
        regret = (loss - best).sum()
        assert regret <= allowed + 1e-9 * loss.sum()
        # The linear losses that the proof bounds, against any feasible sequence.
        assert (g * (h - even)).sum() <= allowed + 1e-9 * np.abs(g).sum()
        ratios.append(regret / allowed)
    assert max(ratios) <= 1


def test_entropic_regret_is_below_its_bound():
    run = jax.jit(played)
    for seed in range(60):
        draw = np.random.default_rng(seed)
        capacity, budget = sequences("fixed", draw)
        # Small enough that no account reaches its capacity: the simplex.
        budget = np.full_like(budget, capacity[0].min() * draw.uniform(0.05, 1))
        needed = budget * draw.choice([0.0, 2.0], len(budget))
        learner = FractionLearner(Entropic(), 10.0 ** draw.uniform(-2, 0))
        h, g, _ = map(np.asarray, run(learner, capacity, budget, needed))
        x, slope = h * capacity, g / capacity
        star = capacity * (budget / capacity.sum(axis=1))[:, None]
        # sum eta_t B |g_t|^2 / 2 <= step B sqrt(S), and the largest divergence once.
        divergence = (star * np.log(star / x)).sum(axis=1).max()
        root = np.sqrt((np.abs(slope).max(axis=1) ** 2).sum())
        step = float(learner.step_size)
        allowed = divergence * root / step + step * budget[0] * root
        regret = (slope * (x - star)).sum()
        assert regret <= allowed + 1e-9 * np.abs(slope).sum() * budget[0]


# As policies


def test_registered_vector_policies_are_ex_ante_with_array_leaves():
    for make in vector_policies.values():
        policy = make()
        assert policy.information.ex_ante
        assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(policy))


def test_the_severity_alone_decides_how_much():
    rounds = make_rounds(4, rounds=9)
    for severity in (LastValue(0.2), RunningMean(Rate())):
        plain = adl_jax.replay(rounds, Policy(severity, ProRata())).records
        for geometry in (Euclidean(), Entropic()):
            policy = FractionDescent(severity, FractionLearner(geometry))
            assert policy.information is severity.information
            records = adl_jax.replay(rounds, policy).records
            np.testing.assert_allclose(records.executed, plain.executed, rtol=1e-12)
            # Pro rata has the least worst fraction (Proposition 9).
            assert (records.concentration >= plain.concentration * (1 - 1e-12)).all()


def test_rounds_without_accounts_are_the_severity_alone():
    fields = round_fields(2)
    bare = {
        k: v for k, v in fields.items() if k not in ("capacity", "score", "leverage")
    }
    rounds = adl_jax.Rounds(**bare)
    plain = adl_jax.replay(rounds, Policy(LastValue(), ProRata())).records
    learner = FractionLearner(Entropic())
    for policy in (
        FractionDescent(LastValue(), learner),
        PrimalDual(LastValue(), learner),
    ):
        records = adl_jax.replay(rounds, policy).records
        np.testing.assert_array_equal(records.executed, plain.executed)


def test_one_trace_serves_all_numbers():
    chex.clear_trace_counter()
    rounds = make_rounds()

    @eqx.filter_jit
    @chex.assert_max_traces(n=1)
    def executed(policy):
        return adl_jax.replay(rounds, policy).records.concentration

    for step in (0.01, np.float64(0.1), jnp.asarray(1.0), 2):
        learner = FractionLearner(Euclidean(), step, fair=step)
        executed(
            PrimalDual(LastValue(step / 2), learner, limit=step / 2, dual_step=step)
        )


def test_vmap_over_step_sizes_is_the_loop_over_them():
    rounds = make_rounds(1, rounds=8)
    steps = jnp.logspace(-3, 1, 20)
    for geometry in (Euclidean(), Entropic()):

        def concentration(step, geometry=geometry):
            policy = FractionDescent(LastValue(0.5), FractionLearner(geometry, step))
            return adl_jax.replay(rounds, policy).records.concentration

        mapped = jax.jit(jax.vmap(concentration))(steps)
        for index in (0, 10, 19):
            np.testing.assert_allclose(
                mapped[index], concentration(steps[index]), rtol=1e-11
            )
        assert len(np.unique(np.asarray(mapped).sum(axis=1))) > 5


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_gradients_in_the_step_size(geometry):
    rounds = make_rounds(7, rounds=4)

    def loss(step):
        learner = FractionLearner(GEOMETRIES[geometry](), step)
        policy = FractionDescent(LastValue(0.5), learner)
        return (adl_jax.replay(rounds, policy).records.haircut ** 2).sum() / 1e4

    point = jnp.asarray(0.0123)
    check_grads(loss, (point,), order=1, modes=["fwd", "rev"], rtol=1e-5, atol=1e-5)
    assert jax.grad(loss)(point) != 0


# Constraints


def test_the_price_pays_for_every_broken_limit():
    for seed in range(8):
        rounds = make_rounds(seed, rounds=30)
        learner = FractionLearner(Euclidean(), 0.5, fair=0)
        policy = PrimalDual(Fixed(1), learner, limit=0.1, dual_step=0.7)
        trajectory = adl_jax.replay(rounds, policy)
        broken = np.asarray(trajectory.records.concentration) - 0.1
        price = 0.0
        for excess in broken:
            price = max(price + 0.7 * excess, 0)
        np.testing.assert_allclose(trajectory.state.price, price, rtol=1e-12)
        assert broken.sum() <= price / 0.7 + 1e-12


def test_a_limit_that_can_be_met_is_met_on_average():
    u = np.tile([10.0, 5.0, 1.0, 20.0], (2_000, 1))
    rounds = rounds_of(u, deficit=np.full(2_000, 9.0), needed=np.zeros(2_000))
    learner = FractionLearner(Euclidean(), 0.3, fair=0)
    policy = PrimalDual(Fixed(1), learner, limit=0.3, dual_step=0.1)
    trajectory = adl_jax.replay(rounds, policy)
    average = np.asarray(trajectory.records.concentration).mean()
    assert average <= 0.3 + float(trajectory.state.price) / 0.1 / 2_000 + 1e-12
    assert average <= 0.32


# Markets


def market_policy(market_of, geometry=Entropic):
    return PerMarketDescent(
        MarketMeanRate(0.01), FractionLearner(geometry()), jnp.asarray(market_of)
    )


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_every_market_pays_for_itself(geometry):
    fields = round_fields(8, rounds=7, accounts=9, markets=3)
    fields["deficit"] = np.full(7, 1e9)
    rounds = adl_jax.Rounds(**fields)
    market_of = np.arange(9) % 3
    records = adl_jax.replay(
        rounds, market_policy(market_of, GEOMETRIES[geometry])
    ).records
    haircut, capacity = np.asarray(records.haircut), fields["capacity"]
    assert (haircut >= 0).all()
    assert (haircut <= capacity * (1 + 1e-15)).all()
    notional = fields["closeout_quantity"] * fields["closeout_price"]
    needed = np.cumsum(fields["closeout_gap"], axis=0)
    closed = np.cumsum(notional, axis=0)
    for t in range(7):
        for market in range(3):
            own = market_of == market
            rate = 0.01
            if t and closed[t - 1, market] > 0:
                rate = needed[t - 1, market] / closed[t - 1, market]
            asked = min(rate * notional[t, market], capacity[t, own].sum())
            np.testing.assert_allclose(haircut[t, own].sum(), asked, rtol=1e-11)


def test_a_market_does_not_feel_another():
    fields = round_fields(8, rounds=6, accounts=9, markets=3)
    fields["deficit"] = np.full(6, 1e9)
    market_of = np.arange(9) % 3
    changed = {name: fields[name].copy() for name in ("closeout_quantity", "capacity")}
    changed["closeout_quantity"][:, 2] *= 3
    changed["capacity"][:, market_of == 2] *= 2
    changed["capacity_total"] = changed["capacity"].sum(axis=1)
    base, moved = (
        adl_jax.replay(adl_jax.Rounds(**f), market_policy(market_of)).records.haircut
        for f in (fields, fields | changed)
    )
    np.testing.assert_allclose(
        moved[:, market_of < 2], base[:, market_of < 2], rtol=1e-11, atol=1e-9
    )


@pytest.mark.parametrize("column", leaks.COLUMNS)
def test_markets_do_not_see_what_they_may_not(column):
    leaks.check_unseen(market_policy(np.arange(7) % 3), column)


def test_markets_agree_alone_and_mapped():
    events = [make_rounds(seed, rounds=4, accounts=6) for seed in range(3)]
    policy = market_policy(np.arange(6) % 3, Euclidean)

    def haircut(rounds):
        return adl_jax.replay(rounds, policy).records.haircut

    mapped = jax.vmap(haircut)(jax.tree.map(lambda *x: jnp.stack(x), *events))
    near = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(mapped[1], haircut(events[1]), **near)


def test_markets_need_accounts_and_closeouts():
    fields = round_fields(1)
    bare = {k: v for k, v in fields.items() if not k.startswith("closeout")}
    bare.pop("max_leverage")
    policy = market_policy(np.zeros(7, int))
    assert policy.information is Information.notional
    with pytest.raises(ValueError, match="accounts and close-outs by market"):
        adl_jax.replay(adl_jax.Rounds(**bare), policy)
    del fields["closeout_gap"]
    with pytest.raises(ValueError, match="closeout_gap"):
        adl_jax.replay(adl_jax.Rounds(**fields), policy)


# Min-max


def test_min_max_without_lots_is_pro_rata():
    rounds = make_rounds(5, rounds=6)
    one, other = (
        adl_jax.replay(rounds, Policy(LastValue(0.3), allocation)).records.haircut
        for allocation in (MinMaxLots(), ProRata())
    )
    np.testing.assert_array_equal(one, other)


def test_min_max_in_lots_has_the_least_worst_fraction():
    draw = np.random.default_rng(3)
    lots = draw.integers(1, 6, (6, 5)).astype(float)
    capacity = lots * draw.integers(0, 7, (6, 5))
    rounds = rounds_of(capacity, lot_value=lots)
    records = adl_jax.replay(rounds, Policy(Fixed(1), MinMaxLots())).records
    haircut = np.asarray(records.haircut)
    np.testing.assert_array_equal(haircut % lots, 0)
    for t in range(6):
        budget, u, lot = float(records.budget[t]), capacity[t], lots[t]
        assert budget <= haircut[t].sum() < budget + lot.max()
        safe = np.where(u > 0, u, 1)
        # The largest fraction is one of these, and the least that covers the budget.
        steps = sorted({k * lot[i] / safe[i] for i in range(5) for k in range(8)})
        covers = lambda z, u=u, lot=lot: (
            np.minimum(np.floor(z * u / lot + 1e-9), u // lot) * lot
        ).sum()
        least = next(z for z in steps if covers(z) >= budget)
        np.testing.assert_allclose((haircut[t] / safe).max(), least, rtol=1e-12)
