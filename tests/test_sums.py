"""Sums over a book, against NumPy, in long arrays and short ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from adl_jax import simulate
from adl_jax._sums import FEW, SHORT, largest, spread, sum_by, sum_of
from adl_jax.config import build, changed, load


SIZES = (0, 1, 7, SHORT, SHORT + 1)
# Compiled programs take numbers below the normal ones as 0.
numbers = st.floats(0, 1e6, width=32, allow_subnormal=False)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sum_is_accurate(size, dtype):
    values = np.random.default_rng(0).normal(size=size).astype(dtype)
    exact = values.astype(np.longdouble).sum()
    error = abs(float(sum_of(jnp.asarray(values))) - float(exact))
    assert error <= 64 * np.finfo(dtype).eps * max(np.sqrt(size), 1)


@settings(deadline=None)
@given(arrays(np.float32, st.integers(0, 40), elements=numbers))
def test_the_largest_is_numpys(values):
    assert float(largest(jnp.asarray(values))) == np.max(values, initial=0)


def test_zeros_of_both_signs_are_nothing():
    assert float(largest(jnp.array([-0.0, 0.0]))) == 0
    assert float(largest(jnp.array([-0.0]))) == 0
    assert np.isinf(largest(jnp.array([1.0, np.inf])))


def test_the_derivative_of_the_largest_is_shared_by_all_that_are_as_large():
    values = jnp.array([1.0, 3.0, 3.0, 2.0])
    expected = [0, 0.5, 0.5, 0]
    np.testing.assert_array_equal(jax.grad(largest)(values), expected)
    np.testing.assert_array_equal(jax.grad(lambda x: jnp.max(x))(values), expected)
    forward = jax.jvp(largest, (values,), (jnp.arange(4.0),))[1]
    assert float(forward) == 1.5


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("groups", [1, 2, FEW, FEW + 1])
def test_groups_add_up_and_are_told_their_numbers(size, groups):
    draw = np.random.default_rng(1)
    group = draw.integers(0, groups, size)
    values, of_groups = draw.normal(size=size), draw.normal(size=groups)
    sums = sum_by(jnp.asarray(values), jnp.asarray(group), groups)
    expected = np.bincount(group, values, minlength=groups)
    np.testing.assert_allclose(sums, expected, rtol=0, atol=1e-11)
    told = spread(jnp.asarray(of_groups), jnp.asarray(group))
    np.testing.assert_array_equal(told, of_groups[group])


@pytest.mark.parametrize("shared", [True, False])
def test_a_batch_gives_what_one_gives(shared):
    draw = np.random.default_rng(2)
    values = jnp.asarray(draw.normal(size=(3, 50)))
    group = jnp.asarray(draw.integers(0, 5, 50 if shared else (3, 50)))
    axes = (0, None if shared else 0)
    together = jax.vmap(lambda v, g: sum_by(v, g, 5), axes)(values, group)
    for i in range(3):
        alone = sum_by(values[i], group if shared else group[i], 5)
        np.testing.assert_allclose(together[i], alone, rtol=1e-12)


def precisions(program):
    """Of every matrix product in a program, those inside loops and branches too."""
    for step in program.eqns:
        if step.primitive.name == "dot_general":
            yield step.params["precision"]
        for value in jax.tree.leaves(
            step.params, is_leaf=lambda value: hasattr(value, "eqns")
        ):
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from precisions(inner)


@pytest.mark.parametrize("name", ["queue", "learner", "mirror_descent"])
def test_every_product_of_a_crash_is_in_full_precision(name):
    # By default a GPU rounds the factors of a float32 product to ten bits.
    small = {"accounts": 60, "one_position_each": False}
    scenario, policies = build(changed(load("default"), dtype="float64", book=small))

    def crash(key):
        book, market, shocks = scenario.sample(key)
        venue = scenario.venue
        run = simulate(key, book, market, venue, policies[name], shocks)
        return run.records.executed

    found = list(precisions(jax.make_jaxpr(crash)(jax.random.key(0)).jaxpr))
    assert len(found) > 10
    assert set(found) == {(jax.lax.Precision.HIGHEST,) * 2}
