"""Online learners against their published rules, written once more in plain NumPy."""

import numpy as np
import pytest

import adl_jax
from adl_jax import Policy, ProRata
from adl_jax.severity import (
    CoinBetting,
    LinearImpact,
    MirrorDescentSeverity,
    Optimistic,
    Pinball,
    Rate,
    RunningMean,
    StronglyAdaptive,
    ader,
    entropic_severity,
    multiplicative_rate,
    scale_free_severity,
)
from tests.conftest import make_rounds


T = 21


def event(seed):
    """Rounds without accounts whose limits never bind below the deficit."""
    draw = np.random.default_rng(seed)
    deficit = draw.lognormal(0, 1.5, T) * 1e6
    right = np.where(draw.random(T) < 0.2, draw.integers(0, 2, T), draw.random(T))
    rounds = make_rounds(
        seed, rounds=T, deficit=deficit, needed=deficit * right,
        capacity_total=np.full(T, 1e15), **dict.fromkeys(("capacity", "score", "leverage")),
    )  # fmt: skip
    return rounds, deficit, deficit * right


def shares(rounds, severity):
    """Severities played."""
    records = adl_jax.replay(rounds, Policy(severity, ProRata())).records
    return np.asarray(records.commitment.budget) / np.asarray(rounds.deficit)


def rates(rounds, severity):
    """Rates played, (rounds, markets)."""
    records = adl_jax.replay(rounds, Policy(severity, ProRata())).records
    rate = np.asarray(records.commitment.rate)
    return np.broadcast_to(rate.reshape(T, -1), (T, 3))


def slope(x, deficit, needed, under=1.0, over=1.0):
    """Of what is asked for: asking past a deficit that is needed in full is free."""
    asked = x * deficit
    if asked < min(needed, deficit):
        return -under * deficit
    beyond = asked > min(needed, deficit) and needed < deficit
    return over * deficit if beyond else 0.0


def descent(deficit, needed, step, first):
    """Projected gradient descent; `step(t, slopes so far)` in 1/USD."""
    x, seen, played = first, [], []
    for t, (d, n) in enumerate(zip(deficit, needed, strict=True)):
        played.append(x)
        seen.append(slope(x, d, n))
        x = np.clip(x - step(t, np.array(seen)) * seen[-1], 0, 1)
    return np.array(played)


@pytest.mark.parametrize("seed", range(3))
def test_scale_free_descent(seed):
    rounds, deficit, needed = event(seed)

    def step(t, seen):
        return 1 / np.sqrt(2 * (seen**2).sum()) if seen.any() else 0.0

    expected = descent(deficit, needed, step, 0.1)
    np.testing.assert_allclose(
        shares(rounds, scale_free_severity()), expected, rtol=1e-9
    )


@pytest.mark.parametrize("seed", range(3))
def test_entropic_descent_adds_log_odds(seed):
    rounds, deficit, needed = event(seed)
    x, played, largest = 0.05, [], 0.0
    for t, (d, n) in enumerate(zip(deficit, needed, strict=True)):
        played.append(x)
        largest = max(largest, d)
        z = np.log(x / (1 - x)) - 0.5 * slope(x, d, n) / largest / np.sqrt(t + 1)
        x = np.clip(1 / (1 + np.exp(-z)), 1e-4, 1 - 1e-4)
    np.testing.assert_allclose(shares(rounds, entropic_severity()), played, rtol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_multiplicative_rates_multiply(seed):
    rounds, deficit, needed = event(seed)
    closed = np.asarray(rounds.closeout_notional)
    factor = (10 / np.asarray(rounds.max_leverage)) ** 0.5
    x, played, largest, seen = 0.01, [], 0.0, 0
    for d, n, unit in zip(deficit, needed, closed @ factor, strict=True):
        played.append(x * factor)
        largest, seen = max(largest, unit), seen + (unit > 0)
        target = min(n, d)
        sign = np.sign(x * unit - target) * (x * unit < target or n < d)
        if unit > 0:
            x = np.clip(x * np.exp(-sign * unit / largest / np.sqrt(seen)), 1e-6, 1)
    found = rates(rounds, multiplicative_rate(exponent=0.5))
    np.testing.assert_allclose(found, played, rtol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_coin_betting_is_krichevsky_and_trofimovs(seed):
    rounds, deficit, needed = event(seed)
    largest = deficit.max()
    coins, wealth, played = [], 1.0, []
    for t, (d, n) in enumerate(zip(deficit, needed, strict=True), start=1):
        bet = sum(coins) / t * wealth
        x = np.clip(0.1 + bet, 0, 1)
        played.append(x)
        coin = -slope(x, d, n) / largest
        # Clipped, and the coin would pay for being further out: no coin.
        if coin * (0.1 + bet - x) > 0:
            coin = 0.0
        coins.append(coin)
        wealth += coin * bet
    found = shares(rounds, CoinBetting(largest_slope=largest))
    np.testing.assert_allclose(found, played, rtol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_ader_is_zhang_lu_and_zhous(seed):
    rounds, deficit, needed = event(seed)
    largest = deficit.max()
    count = int(np.ceil(np.log2(1 + 4 * T / 7) / 2)) + 1
    etas = np.sqrt(7 / (2 * T)) / largest * 2.0 ** np.arange(count)
    experts = np.array(
        [descent(deficit, needed, lambda t, seen, e=e: e, 0.1) for e in etas]
    )
    losses = np.abs(experts * deficit - needed)
    index = np.arange(1, count + 1)
    start = (1 + 1 / count) / (index * (index + 1))
    np.testing.assert_allclose(start.sum(), 1)
    alpha = np.sqrt(8 / T) / largest
    before = np.cumsum(losses, axis=1) - losses
    weights = start[:, None] * np.exp(-alpha * before)
    expected = (weights * experts).sum(axis=0) / weights.sum(axis=0)
    found = shares(rounds, ader(T, largest_slope=largest))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("seed", range(2))
def test_strongly_adaptive_is_daniely_gonen_and_shalev_shwartzs(seed):
    rounds, deficit, needed = event(seed)
    largest = deficit.max()

    def expert(start, stop):
        """Scale-free descent that lives on rounds start to stop - 1."""
        here = slice(start - 1, min(stop - 1, T))
        step = lambda t, seen: 1 / np.sqrt(2 * (seen**2).sum()) if seen.any() else 0.0
        return descent(deficit[here], needed[here], step, 0.1)

    # Every interval [i 2^k, (i + 1) 2^k - 1], i >= 1, with its own expert and weight.
    alive = {
        (i * 2**k, (i + 1) * 2**k): min(0.5, 2 ** (-k / 2))
        for k in range(5)
        for i in range(1, T + 1)
        if i * 2**k <= T
    }
    points = {interval: expert(*interval) for interval in alive}
    weights, expected = {}, []
    for t in range(1, T + 1):
        awake = [one for one in alive if one[0] <= t < one[1]]
        for one in awake:
            weights.setdefault(one, alive[one])
        x = np.array([points[one][t - one[0]] for one in awake])
        w = np.array([weights[one] for one in awake])
        expected.append(w @ x / w.sum())
        lost = lambda x, t=t: abs(x * deficit[t - 1] - needed[t - 1]) / largest
        for one, point in zip(awake, x, strict=True):
            weights[one] *= 1 + alive[one] * (lost(expected[-1]) - lost(point))
    found = shares(rounds, StronglyAdaptive(levels=5, largest_loss=largest))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_optimism_plays_the_hint_and_learns_from_the_base(seed):
    rounds, deficit, needed = event(seed)
    largest, point, played = deficit.max(), 0.1, []
    for t, (d, n) in enumerate(zip(deficit, needed, strict=True)):
        x = point
        if t:
            estimate = min(needed[:t].sum() / deficit[:t].sum(), 1)
            hint = deficit[:t].mean() / largest * np.sign(point - estimate)
            moved = np.clip(point - 0.5 * hint, 0, 1)
            x = np.clip(moved, min(point, estimate), max(point, estimate))
        played.append(x)
        point = np.clip(point - 0.5 * slope(x, d, n) / largest, 0, 1)
    base = MirrorDescentSeverity(largest_slope=largest, decay=0.0)
    np.testing.assert_allclose(shares(rounds, Optimistic(base)), played, rtol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_linear_impact_learns_the_slope_as_appendix_d_does(seed):
    rounds, _, needed = event(seed)
    closed = np.asarray(rounds.closeout_notional)
    guess, largest, seen, total, played = 0.0, 0.0, 0, np.zeros(3), []
    for n, q in zip(needed, closed, strict=True):
        played.append(guess * total / max(seen, 1))
        squares = (q**2).sum()
        if squares > 0:
            slope, seen = n / squares, seen + 1
            largest = max(largest, slope)
            step = largest / np.sqrt(seen)
            guess = np.clip(guess - step * np.sign(guess - slope), 0, largest)
        total = total + q
    np.testing.assert_allclose(rates(rounds, LinearImpact()), played, rtol=1e-9)


@pytest.mark.parametrize("discount", [1.0, 0.7])
def test_the_running_mean_forgets_at_its_discount(discount):
    rounds, _, needed = event(1)
    unit = np.asarray(rounds.closeout_notional).sum(axis=1)
    played = [0.02]
    for t in range(1, T):
        weight = discount ** np.arange(t - 1, -1, -1) * (unit[:t] > 0)
        played.append((weight @ needed[:t]) / (weight @ unit[:t]))
    found = rates(rounds, RunningMean(Rate(), 0.02, discount))
    np.testing.assert_allclose(found, np.array(played)[:, None] * np.ones(3), rtol=1e-9)


def test_pinball_weights_settle_at_their_quantile():
    # Falling short costs three times as much: three rounds in four are to be covered.
    rounds = 4_000
    draw = np.random.default_rng(0)
    right = draw.beta(2, 5, rounds)
    times = np.arange(rounds) * 1_000
    event = adl_jax.Rounds(np.ones(rounds), right, np.full(rounds, 1e3), times, times)
    learner = MirrorDescentSeverity(pinball=Pinball(3, 1))
    records = adl_jax.replay(event, Policy(learner, ProRata())).records
    played = np.asarray(records.executed)[rounds // 2 :]
    np.testing.assert_allclose(played.mean(), np.quantile(right, 0.75), atol=0.01)
    assert abs((right[rounds // 2 :] <= played).mean() - 0.75) < 0.03
