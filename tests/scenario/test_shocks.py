"""Liquidity: how far it collapses, how fast it comes back, what it does to slopes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adl_jax
from adl_jax.scenario import Crash, FactorReturns, GivenShocks, Liquidity, PathReturns


MARKET = adl_jax.Market(
    mark=np.array([100.0, 5.0]),
    impact=np.array([0.1, 0.02]),
    depth=np.array([50.0, 900.0]),
)


def test_depth_comes_back_by_half_lives(getkey):
    liquidity = Liquidity(
        multiplier=0.1, persistent=0.7, half_life_rounds=3.0, severe_probability=0.0
    )
    left = np.asarray(liquidity.left(getkey(), 100))
    np.testing.assert_allclose(left[0], 0.1)
    for halves in (1, 2, 3):
        np.testing.assert_allclose(0.7 - left[3 * halves], 0.6 / 2**halves, rtol=1e-9)
    np.testing.assert_allclose(left[-1], 0.7, atol=1e-9)
    assert (np.diff(left) >= 0).all()


def test_the_severe_regime_comes_with_its_probability(getkey):
    liquidity = Liquidity(severe_probability=0.25)
    first = jax.vmap(lambda key: liquidity.left(key, 1)[0])(
        jax.random.split(getkey(), 10_000)
    )
    assert set(np.round(np.asarray(first), 12)) == {0.02, 0.1}
    share = np.isclose(np.asarray(first), 0.02).mean()
    assert abs(share - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 10_000)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_slopes_rise_as_depth_falls(power, getkey):
    liquidity = Liquidity(impact_power=power, severe_probability=0.0)
    impact, depth = liquidity.sample(getkey(), MARKET, 6)
    left = np.asarray(depth) / np.asarray(MARKET.depth)
    assert (left[0] < left[-1]).all()
    np.testing.assert_allclose(
        impact, np.asarray(MARKET.impact) * left**-power, rtol=1e-12
    )


def test_a_crash_is_its_parts(getkey):
    path = np.linspace(-0.1, 0.1, 8).reshape(4, 2)
    shocks = Crash(PathReturns(path), funding=0.001).sample(getkey(), MARKET, 4)
    np.testing.assert_allclose(shocks.log_return, path)
    np.testing.assert_allclose(shocks.funding, 0.001)
    assert shocks.impact is None
    assert shocks.depth is None
    thin = Crash(PathReturns(path), Liquidity(severe_probability=1.0)).sample(
        getkey(), MARKET, 4
    )
    np.testing.assert_allclose(thin.depth[0], 0.02 * MARKET.depth)
    assert thin.funding is None


def test_given_shocks_are_given_in_every_scenario(getkey):
    shocks = adl_jax.Shocks(log_return=np.full((3, 2), -0.1), funding=np.ones((3, 2)))
    same = GivenShocks(shocks).sample(getkey(), MARKET, 3)
    assert (same.log_return == shocks.log_return).all()
    assert (same.funding == shocks.funding).all()
    with pytest.raises(adl_jax.InputError, match="give 4 rounds of 2 markets"):
        GivenShocks(shocks).sample(getkey(), MARKET, 4)


def test_shocks_have_the_dtype_of_the_marks(getkey):
    narrow = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), MARKET)
    crash = Crash(FactorReturns(), Liquidity(), funding=0.1)
    for leaf in jax.tree.leaves(crash.sample(getkey(), narrow, 3)):
        assert leaf.dtype == jnp.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"multiplier": 0.0}, "multiplier"),
        ({"persistent": 1.5}, "persistent"),
        ({"severe_probability": -0.1}, "severe_probability"),
        ({"half_life_rounds": 0.0}, "half_life_rounds"),
        ({"impact_power": -1.0}, "impact_power"),
    ],
)
def test_bad_parameters_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Liquidity(**change)
