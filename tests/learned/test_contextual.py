import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adl_jax
from adl_jax import Information, Policy, ProRata
from adl_jax.learned import NAMES, LogLinear, NetworkRate
from adl_jax.severity import ConstantRate, ShrunkenRate
from tests.conftest import make_rounds


MONEY = ("deficit", "needed", "capacity_total", "closeout_price", "closeout_gap")
BARE = dict.fromkeys(("capacity", "score", "leverage"))


def ample(**changes):
    """Rounds in which nothing but the rate limits the budget."""
    huge = np.full(12, 1e12)
    return make_rounds(
        4, rounds=12, **BARE, **({"deficit": huge, "capacity_total": huge} | changes)
    )


def executed(rounds, severity):
    return np.asarray(
        adl_jax.replay(rounds, Policy(severity, ProRata())).records.executed
    )


def trained(make, seed=0):
    draw = np.random.default_rng(seed)
    return jax.tree.map(
        lambda leaf: (
            jnp.asarray(draw.normal(size=leaf.shape) * 0.3, leaf.dtype)
            if leaf.ndim
            else leaf
        ),
        make(),
    )


def test_without_weights_and_residuals_it_is_a_constant_rate():
    # A rule that is never doubted does not learn.
    rounds = ample()
    expected = executed(rounds, ConstantRate(0.02))
    for make in (LogLinear, NetworkRate):
        severity = make(initial_rate=0.02, doubt=1e12)
        np.testing.assert_allclose(executed(rounds, severity), expected, rtol=1e-7)


def test_without_weights_and_doubt_it_is_the_mean_rate_so_far():
    rounds = ample()
    severity = LogLinear(initial_rate=0.02, doubt=0)
    notional = np.asarray(rounds.closeout_notional).sum(axis=1)
    needed = np.asarray(rounds.needed)
    before = np.concatenate([[0], np.cumsum(np.where(notional > 0, needed, 0))[:-1]])
    closed = np.concatenate([[0], np.cumsum(notional)[:-1]])
    rate = np.where(closed > 0, before / np.where(closed > 0, closed, 1), 0.02)
    np.testing.assert_allclose(executed(rounds, severity), rate * notional, rtol=1e-9)
    tiers = ShrunkenRate(0.02, trust=0.0)
    np.testing.assert_allclose(
        executed(rounds, severity), executed(rounds, tiers), rtol=1e-9
    )


def test_tiers_are_a_feature():
    rounds = ample(max_leverage=np.array([5.0, 10.0, 40.0]))
    weight = np.zeros(len(NAMES))
    weight[NAMES.index("tier")] = 0.5
    severity = LogLinear(weight, initial_rate=0.02, doubt=1e12)
    trajectory = adl_jax.replay(rounds, Policy(severity, ProRata()))
    # tanh bends the log of the factor by its cube over 48.
    np.testing.assert_allclose(
        trajectory.records.commitment.rate[0],
        0.02 * np.sqrt([2, 1, 0.25]),
        rtol=1e-2,
    )


@pytest.mark.parametrize("make", [LogLinear, NetworkRate])
@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_the_unit_of_money_does_not_matter(make, unit):
    rounds = make_rounds(8, rounds=8, markets=5, **BARE)
    scaled = dataclasses.replace(
        rounds, **{name: getattr(rounds, name) * unit for name in MONEY}
    )
    severity = trained(make)
    np.testing.assert_allclose(
        executed(scaled, severity) / unit, executed(rounds, severity), rtol=1e-9
    )


@pytest.mark.parametrize("make", [LogLinear, NetworkRate])
def test_it_declares_what_it_sees(make):
    assert make().information is Information.notional


@pytest.mark.parametrize("make", [LogLinear, NetworkRate])
def test_every_number_moves_the_result_and_all_derivatives_are_finite(make):
    rounds = ample()
    arrays, static = eqx.partition(trained(make), eqx.is_inexact_array)

    def loss(arrays):
        policy = Policy(eqx.combine(arrays, static), ProRata())
        records = adl_jax.replay(rounds, policy).records
        return jnp.abs(records.executed - records.needed).sum()

    for leaf in jax.tree.leaves(jax.grad(loss)(arrays)):
        assert np.isfinite(leaf).all()
        assert (np.asarray(leaf) != 0).any()


def test_weights_of_another_length_are_refused():
    with pytest.raises(ValueError, match="one a feature"):
        LogLinear(np.zeros(3))
