import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax import InputError, Observation
from adl_jax.learned import LeverageCurve, SetNetwork


def seen_by(seed=0, accounts=23):
    draw = np.random.default_rng(seed)
    capacity = draw.pareto(0.8, accounts) * 100
    capacity[draw.random(accounts) < 0.3] = 0
    return Observation(
        capacity=jnp.asarray(capacity),
        leverage=jnp.asarray(draw.uniform(0, 40, accounts)),
        score=jnp.asarray(draw.normal(size=accounts)),
    )


def trained(make, seed=1):
    """Numbers of order 1 in every leaf, as after some training."""
    draw = np.random.default_rng(seed)
    return jax.tree.map(
        lambda leaf: jnp.asarray(draw.normal(size=leaf.shape), leaf.dtype), make()
    )


def permuted(seen, order):
    return jax.tree.map(lambda leaf: leaf[order], seen)


@pytest.mark.parametrize("make", [LeverageCurve, SetNetwork])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.999, 1.0])
def test_whatever_was_learned_is_feasible(make, share):
    seen, key = seen_by(), jax.random.key(0)
    budget = share * seen.capacity.sum()
    haircut = trained(make)(seen, budget, key=key)
    assert (haircut >= 0).all()
    assert (haircut <= seen.capacity).all()
    np.testing.assert_allclose(haircut.sum(), budget, rtol=1e-11)


@pytest.mark.parametrize("make", [LeverageCurve, SetNetwork])
def test_who_stands_where_in_the_table_does_not_matter(make):
    seen, key = seen_by(), jax.random.key(0)
    budget = 0.4 * seen.capacity.sum()
    order = np.random.default_rng(3).permutation(seen.capacity.size)
    allocation = trained(make)
    plain = allocation(seen, budget, key=key)
    moved = allocation(permuted(seen, order), budget, key=key)
    np.testing.assert_allclose(moved, plain[order], rtol=1e-9)
    # It can tell accounts apart: otherwise the above would hold for pro rata too.
    fraction = plain[seen.capacity > 0] / seen.capacity[seen.capacity > 0]
    assert fraction.max() > 1.1 * fraction.min()


@pytest.mark.parametrize("make", [LeverageCurve, SetNetwork])
def test_groups_meet_their_own_budgets_wherever_positions_stand(make):
    seen, key = seen_by(), jax.random.key(0)
    draw = np.random.default_rng(5)
    group = jnp.asarray(draw.integers(0, 3, seen.capacity.size))
    seen = dataclasses.replace(seen, group=group)
    room = jax.ops.segment_sum(seen.capacity, group, 3)
    budget = jnp.asarray([0.2, 0.0, 0.9]) * room
    allocation = trained(make)
    plain = allocation(seen, budget, key=key)
    raised = jax.ops.segment_sum(plain, group, 3)
    np.testing.assert_allclose(raised, budget, rtol=1e-9, atol=1e-9)
    assert (plain >= 0).all()
    assert (plain <= seen.capacity).all()
    order = draw.permutation(seen.capacity.size)
    moved = allocation(permuted(seen, order), budget, key=key)
    np.testing.assert_allclose(moved, plain[order], rtol=1e-9)


def test_the_set_matters_to_each_of_it():
    seen, key = seen_by(), jax.random.key(0)
    network = trained(SetNetwork)
    first = network.log_weight(seen)
    other = network.log_weight(
        Observation(
            capacity=seen.capacity.at[1:].set(0), leverage=seen.leverage,
            score=seen.score,
        )
    )  # fmt: skip
    assert seen.capacity[0] > 0
    assert abs(first[0] - other[0]) > 1e-3
    del key


def test_an_untrained_network_is_pro_rata():
    seen = seen_by()
    haircut = SetNetwork()(seen, 0.4 * seen.capacity.sum(), key=jax.random.key(0))
    np.testing.assert_allclose(haircut, 0.4 * seen.capacity, rtol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_a_curve_never_falls(seed):
    curve = trained(LeverageCurve, seed)
    leverage = jnp.sort(jnp.asarray(np.random.default_rng(seed).uniform(0, 64, 200)))
    seen = Observation(capacity=jnp.ones(200), leverage=leverage)
    assert (jnp.diff(curve.log_weight(seen)) >= 0).all()


def test_a_curve_meets_its_knots():
    # softplus^-1(log 2) on each doubling of leverage: weights are the leverage itself.
    rise = jnp.full(3, np.log(np.exp(np.log(2)) - 1))
    curve = LeverageCurve(rise, knots=(1.0, 2.0, 4.0, 8.0))
    leverage = jnp.asarray([1.0, 1.5, 3.0, 8.0, 20.0])
    weight = jnp.exp(
        curve.log_weight(Observation(capacity=leverage, leverage=leverage))
    )
    np.testing.assert_allclose(weight, [1, 1.5, 3, 8, 8], rtol=1e-12)


@pytest.mark.parametrize("knots", [(1.0,), (1.0, 1.0), (2.0, 1.0), (0.0, 1.0)])
def test_knots_that_do_not_rise_are_refused(knots):
    with pytest.raises(InputError, match=r"LeverageCurve\.knots"):
        LeverageCurve(knots=knots)


@pytest.mark.parametrize("make", [LeverageCurve, SetNetwork])
def test_a_book_without_winners_has_finite_derivatives(make):
    nobody = Observation(
        capacity=jnp.zeros(4), leverage=jnp.zeros(4), score=jnp.zeros(4)
    )

    def largest(allocation):
        haircut = allocation(nobody, jnp.asarray(0.0), key=jax.random.key(0))
        return haircut.sum()

    for leaf in jax.tree.leaves(jax.grad(largest)(trained(make))):
        assert np.isfinite(leaf).all()
