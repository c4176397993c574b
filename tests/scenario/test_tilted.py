"""Tilted returns: weights are the ratio of densities, and nothing is biased by them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import adl_jax
from adl_jax import statistics
from adl_jax.scenario import Crash, FactorReturns, Hawkes, Tilted, scenarios
from adl_jax.scenario.tilted import _steps, factor_log_ratio, times_log_ratio
from tests.scenario.test_hawkes import compensator


COUNT = 5_000


def market():
    one = jnp.ones(1)
    return adl_jax.Market(mark=100 * one, impact=0.1 * one, depth=50 * one)


def one_round(freedom, **tilt):
    """Whose log return is the factor itself."""
    returns = FactorReturns(
        volatility=1.0, correlation=1.0, degrees_of_freedom=freedom, reaction=0.0
    )
    return Tilted(returns, **tilt)


@eqx.filter_jit
def drawn(returns, keys, rounds):
    """Sums of log returns, and log weights (0 where there are none)."""

    def one(key):
        path, weight = returns.weighted(key, market(), rounds)
        return path.sum(), jnp.zeros(()) if weight is None else weight

    return jax.vmap(one)(keys)


def falls(returns, key, count, rounds=16):
    path, log_weight = drawn(returns, jax.random.split(key, count), rounds)
    return -np.asarray(path), np.exp(np.asarray(log_weight))


@pytest.mark.parametrize("freedom", [4.0, 1e6])
def test_a_rare_factor_has_its_exact_probability(freedom, getkey):
    tilted = one_round(freedom, factor=-3.0)
    fall, weight = falls(tilted, getkey(), 20_000, rounds=1)
    scale = np.sqrt(1 - 2 / freedom)
    exact = stats.t(freedom).sf(3 / scale)
    found = statistics.weighted_probability(fall > 3, weight)
    assert abs(found.value - exact) < 4 * found.standard_error
    # As many plain scenarios would know it ten times worse.
    brute = np.sqrt(exact * (1 - exact) / 20_000)
    assert found.standard_error < brute / 3
    assert abs(weight.mean() - 1) < 4 * weight.std() / np.sqrt(20_000)
    # What is not rare stays estimable: the mixture bounds the weights.
    assert weight.max() < 1 / 0.2 + 1e-9
    middle = statistics.weighted_probability(fall > 0, weight)
    assert middle.low < 0.5 < middle.high


def test_the_factors_ratio_is_scipys(getkey):
    returns = FactorReturns(degrees_of_freedom=3.5)
    factor = np.asarray(jax.random.normal(getkey(), (7,)))
    law = stats.t(3.5, scale=np.sqrt(1 - 2 / 3.5))
    expected = (law.logpdf(factor) - law.logpdf(factor + 0.7)).sum()
    found = factor_log_ratio(jnp.asarray(factor), jnp.asarray(-0.7), returns)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_times_ratio_is_that_of_densities_written_out(getkey):
    process, rate, seconds = Hawkes(), 1.3, 300.0
    times = process.times(getkey(), jnp.asarray(seconds), rate)
    found = times_log_ratio(process, times, jnp.asarray(seconds), jnp.asarray(rate))
    inside = np.asarray(times) < seconds
    assert 10 < inside.sum() < 256
    events = np.asarray(times)[inside]
    base, n, decay = (
        float(x) for x in (process.base_rate, process.branching, process.decay)
    )
    before = events[:, None] > events[None]
    excited = (before * np.exp(-decay * (events[:, None] - events[None]).clip(0))).sum(
        1
    )
    start = n * base / (1 - n)
    intensity = base + start * np.exp(-decay * events) + n * decay * excited
    # The end of the interval as one more event of the test's own compensator.
    total = compensator([*events, seconds], base, n, decay)[-1]
    true = np.log(intensity).sum() - total
    tilted = np.log(rate * intensity).sum() - rate * total
    np.testing.assert_allclose(found, true - tilted, rtol=1e-9)


def test_the_marks_density_is_tilted_and_its_ratio_exact(getkey):
    process, eta = Hawkes(), jnp.asarray(0.1)
    steps = _steps(process, eta)
    noise = jax.random.normal(getkey(), (200_000,))
    weight = np.asarray(jnp.exp(steps.log_ratio(steps.tilted(noise))))
    assert abs(weight.mean() - 1) < 4 * weight.std() / np.sqrt(weight.size)
    # Weighted, the tilted draws are standard normal.
    moved = steps.tilted(noise)
    for power, moment in ((1, 0.0), (2, 1.0), (4, 3.0)):
        drawn = weight * np.asarray(moved) ** power
        assert abs(drawn.mean() - moment) < 4.5 * drawn.std() / np.sqrt(drawn.size)
    # Unweighted, they have about the mean of the density times e^(eta m).
    mark = np.asarray(process.mark(noise))
    asked = (mark * np.exp(0.1 * mark)).mean() / np.exp(0.1 * mark).mean()
    assert abs(np.asarray(process.mark(moved)).mean() / asked - 1) < 0.03
    np.testing.assert_allclose(steps.normaliser, np.exp(0.1 * mark).mean(), rtol=0.01)


@pytest.mark.parametrize("most", [256, 90])
def test_weights_bring_the_mean_of_batches_back(most, getkey):
    """Also where the process is stopped by how many are drawn."""
    batches = Hawkes(most=most)
    returns = FactorReturns(volatility=1e-6, fall=0.01, batches=batches)
    plain, _ = falls(returns, getkey(), COUNT)
    tilted = Tilted(returns, rate=1.2, mark=0.02)
    fall, weight = falls(tilted, getkey(), COUNT)
    assert fall.mean() > plain.mean() + 10 * plain.std() / np.sqrt(COUNT)
    difference = (fall * weight).mean() - plain.mean()
    error = np.hypot((fall * weight).std(), plain.std()) / np.sqrt(COUNT)
    assert abs(difference) < 4 * error
    assert abs(weight.mean() - 1) < 4 * weight.std() / np.sqrt(COUNT)


def test_rare_crashes_are_as_likely_as_by_brute_force(getkey):
    returns = scenarios["default"](num_accounts=60).shocks.returns
    returns = eqx.tree_at(lambda x: x.beta, returns, jnp.ones(()))
    plain, _ = falls(returns, getkey(), 15_000)
    deep = np.quantile(plain, 0.99)
    brute = statistics.probability(plain > deep)
    tilted = Tilted.toward_falls(returns, 15.0)
    fall, weight = falls(tilted, getkey(), COUNT)
    found = statistics.weighted_probability(fall > deep, weight)
    assert found.low < brute.high
    assert brute.low < found.high
    assert (fall > deep).mean() > 0.03
    # Known better than by twice as many plain ones.
    assert found.standard_error < np.sqrt(0.01 * 0.99 / (2 * COUNT))


def test_no_tilt_weighs_nothing(getkey):
    returns = FactorReturns(fall=0.01, batches=Hawkes())
    _, weight = falls(Tilted(returns), getkey(), 20)
    np.testing.assert_allclose(weight, 1, rtol=1e-12)
    assert returns.weighted(getkey(), market(), 2)[1] is None


def test_a_crash_hands_the_weight_on(getkey):
    crash = Crash(one_round(4.0, factor=-1.0))
    key = getkey()
    shocks = crash.sample(jax.random.clone(key), market(), 3)
    for_returns, _ = jax.random.split(key)
    again = jax.random.clone(for_returns)
    path, weight = crash.returns.weighted(for_returns, market(), 3)
    np.testing.assert_array_equal(shocks.log_return, path)
    assert shocks.log_weight == weight != 0
    np.testing.assert_array_equal(crash.returns.sample(again, market(), 3), path)


@pytest.mark.parametrize(
    ("tilt", "says"),
    [
        ({"rate": 1.1}, "no batches to tilt"),
        ({"mark": 0.1}, "no batches to tilt"),
        ({"rate": 0.0}, r"Tilted.rate is 0.*between 0.01 and 100"),
        ({"factor": np.inf}, "Tilted.factor is inf"),
        ({"untilted": 1.0}, "Tilted.untilted is 1"),
    ],
)
def test_tilts_of_nothing_are_refused(tilt, says):
    with pytest.raises(ValueError, match=says):
        one_round(4.0, **tilt)


def test_a_tilt_is_chosen_for_a_branching_process():
    returns = scenarios["default"]().shocks.returns
    tilted, n = Tilted.toward_falls(returns, 15.0), float(Hawkes().branching)
    theta, eta = float(tilted.rate), float(tilted.mark)
    np.testing.assert_allclose(eta, 15 * returns.fall, rtol=1e-12)
    np.testing.assert_allclose(tilted.factor, -15 * 0.01 * np.sqrt(0.9), rtol=1e-12)
    # The tilted process has the mean of its own clusters: theta n offspring.
    grown = float(_steps(Hawkes(), jnp.asarray(eta)).normaliser)
    np.testing.assert_allclose(theta, grown * np.exp(n * (theta - 1)), rtol=1e-9)
    assert 1 < theta < 1 / n
    with pytest.raises(adl_jax.InputError, match="without end; tilt less"):
        Tilted.toward_falls(returns, 100.0)
