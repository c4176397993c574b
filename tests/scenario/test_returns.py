"""Returns: tails, correlation, volatility and falls, each against its formula."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import adl_jax
from adl_jax.scenario import FactorReturns, Hawkes, PathReturns, october10_returns
from adl_jax.scenario.returns import student_t


def market(count=5, dtype=float):
    ones = jnp.ones(count, dtype)
    return adl_jax.Market(mark=100 * ones, impact=0.1 * ones, depth=50 * ones)


def many(returns, key, count, rounds=4, markets=5):
    draw = lambda one: returns.sample(one, market(markets), rounds)
    return np.asarray(jax.vmap(draw)(jax.random.split(key, count)))


@pytest.mark.parametrize("freedom", [2.5, 3.0, 4.0, 30.0])
def test_the_factor_is_student_t(freedom, getkey):
    draws = np.asarray(student_t(getkey(), jnp.asarray(freedom), (50_000,)))
    assert stats.kstest(draws, stats.t(freedom).cdf).pvalue > 1e-3


def test_markets_correlate_and_have_the_volatility_asked_for(getkey):
    asked = FactorReturns(
        volatility=0.02, correlation=0.85, degrees_of_freedom=50.0, reaction=0.0
    )
    drawn = many(asked, getkey(), 40_000, rounds=1)[:, 0]
    off = np.corrcoef(drawn.T)[np.triu_indices(5, 1)]
    # (1 - rho^2) / sqrt(n) is the error of one.
    assert np.abs(off - 0.85).max() < 5 * (1 - 0.85**2) / np.sqrt(40_000)
    error = np.sqrt(2.2 / 40_000) / 2
    np.testing.assert_allclose(drawn.std(axis=0), 0.02, rtol=4 * error)
    assert np.abs(drawn.mean(axis=0)).max() < 4.5 * 0.02 / np.sqrt(40_000)


def test_large_falls_are_everybodys(getkey):
    """Of a heavy factor the joint tail is thicker than a Gaussian's at the same rho."""
    fractions = {}
    for freedom in (3.0, 1e4):
        asked = FactorReturns(correlation=0.9, degrees_of_freedom=freedom, reaction=0.0)
        drawn = many(asked, getkey(), 100_000, rounds=1, markets=2)[:, 0]
        low = drawn < np.quantile(drawn, 0.002, axis=0)
        fractions[freedom] = (low[:, 0] & low[:, 1]).sum() / low[:, 0].sum()
    assert fractions[3.0] > fractions[1e4] + 0.15


def test_volatility_follows_the_recursion(getkey):
    asked = FactorReturns(volatility=0.02, reaction=0.2, persistence=0.7)
    factor = np.asarray(jax.random.normal(getkey(), (12,)))
    variance, path = 0.02**2, []
    for now in factor:
        path.append(np.sqrt(variance))
        variance = 0.02**2 * 0.1 + 0.2 * now**2 * variance + 0.7 * variance
    np.testing.assert_allclose(
        asked.path_of_volatility(jnp.asarray(factor)), path, rtol=1e-12
    )


def test_variance_is_stationary(getkey):
    """E sigma_t^2 is sigma^2 in every round: reaction and persistence sum below 1."""
    asked = FactorReturns(
        volatility=0.01, reaction=0.1, persistence=0.85, degrees_of_freedom=30.0
    )
    drawn = many(asked, getkey(), 40_000, rounds=16, markets=1)[..., 0] / 0.01
    square = drawn**2
    error = square.std(axis=0) / np.sqrt(40_000)
    assert (np.abs(square.mean(axis=0) - 1) < 4.5 * error).all()


def test_large_moves_are_followed_by_large_moves(getkey):
    drawn = many(FactorReturns(), getkey(), 4_000, rounds=16, markets=1)[..., 0]
    size = np.abs(drawn)
    clustered = stats.spearmanr(size[:, 1:].ravel(), size[:, :-1].ravel()).statistic
    assert clustered > 4 / np.sqrt(size[:, 1:].size)


def test_falls_have_their_mean_and_the_markets_beta(getkey):
    beta = np.array([1.0, 2.0, 0.5])
    asked = FactorReturns(volatility=0.0, beta=beta, fall=0.01, batches=Hawkes())
    drawn = many(asked, getkey(), 8_000, rounds=16, markets=3)
    assert (drawn <= 0).all()
    np.testing.assert_allclose(
        drawn, drawn[..., :1] * beta, rtol=1e-12
    )  # One batch falls on all of them.
    batches = Hawkes()
    mean = float(
        batches.base_rate * batches.round_seconds / (1 - batches.branching) * 0.01
    )
    total = -drawn[..., 0].sum(axis=1)
    assert abs(total.mean() - 16 * mean) < 4 * total.std() / np.sqrt(8_000)


def test_october_ends_at_the_stated_falls(getkey):
    classes = ("btc", "eth", "large", "small", "tail")
    for noise in (0.0, 0.05):
        path = october10_returns(classes, noise=noise).sample(getkey(), market(), 16)
        assert path.shape == (16, 5)
        fall = np.expm1(np.asarray(path).sum(axis=0))
        np.testing.assert_allclose(fall, [-0.14, -0.18, -0.35, -0.60, -0.80], rtol=1e-9)


def test_october_falls_as_the_rounds_closed():
    log_return = np.asarray(october10_returns(["btc"]).log_return)[:, 0]
    assert (log_return < 0).all()
    np.testing.assert_allclose(log_return[0] / log_return.sum(), 11279 / 31152)
    np.testing.assert_allclose(log_return[4] / log_return.sum(), 21 / 31152)


def test_noise_has_the_step_asked_for(getkey):
    path = PathReturns(np.zeros((16, 3)), noise=0.02)
    drawn = many(path, getkey(), 4_000, rounds=16, markets=3)
    np.testing.assert_allclose(drawn.sum(axis=1), 0, atol=1e-12)
    # Tied at the end a step loses a sixteenth of its variance.
    np.testing.assert_allclose(drawn.std(), 0.02 * np.sqrt(15 / 16), rtol=0.01)


def test_what_does_not_fit_is_refused(getkey):
    with pytest.raises(adl_jax.InputError, match="give 3 rounds of 5 markets"):
        PathReturns(np.zeros((2, 5))).sample(getkey(), market(), 3)
    with pytest.raises(adl_jax.InputError, match="beta has shape"):
        FactorReturns(beta=np.ones(3)).sample(getkey(), market(), 3)
    with pytest.raises(adl_jax.InputError, match="no asset class 'huge'"):
        october10_returns(["btc", "huge"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"degrees_of_freedom": 2.0}, "degrees_of_freedom"),
        ({"correlation": 1.1}, "correlation"),
        ({"reaction": 0.5, "persistence": 0.5}, "reaction"),
        ({"volatility": -0.1}, "volatility"),
        ({"fall": -0.1}, "fall"),
        ({"beta": np.array([1.0, np.nan])}, "beta"),
    ],
)
def test_bad_parameters_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        FactorReturns(**change)
