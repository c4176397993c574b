import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings, strategies as st

from adl_jax.evaluate import bounds
from adl_jax.severity import proposition_1_step


AMOUNTS = st.lists(st.floats(1, 1e8), min_size=6, max_size=6).map(np.array)
SHARES = st.lists(st.floats(0, 1), min_size=6, max_size=6).map(np.array)


def test_by_hand():
    assert bounds.path_variation(jnp.asarray([0.0, 1.0, 0.5])) == 1.5
    assert bounds.path_variation(jnp.asarray([0.3])) == 0
    bound = bounds.severity_bound(np.array([3.0, 4.0]), np.array([0.0, 1.0]))
    np.testing.assert_allclose(bound, np.sqrt(3) * 5, rtol=1e-15)
    assert bounds.unreachable(jnp.asarray([3.0, 4.0]), jnp.asarray([5.0, 1.0])) == 2


@settings(deadline=None, derandomize=True)
@given(AMOUNTS, SHARES, st.floats(-3, 3))
def test_the_tuned_step_makes_the_bound_least(deficit, comparator, log_factor):
    tuned = proposition_1_step(
        jnp.asarray((deficit**2).sum()), bounds.path_variation(comparator)
    )
    least = bounds.severity_bound(deficit, comparator)
    at_tuned = bounds.fixed_step_bound(deficit, comparator, tuned)
    other = bounds.fixed_step_bound(deficit, comparator, tuned * 10.0**log_factor)
    np.testing.assert_allclose(at_tuned, least, rtol=1e-12)
    assert other >= least * (1 - 1e-12)


@settings(deadline=None, derandomize=True)
@given(AMOUNTS, SHARES, st.floats(1e-3, 1e3))
def test_the_bound_scales_with_money(deficit, comparator, unit):
    np.testing.assert_allclose(
        bounds.severity_bound(deficit * unit, comparator),
        unit * bounds.severity_bound(deficit, comparator),
        rtol=1e-12,
    )


def test_a_standing_loss_is_counted_once():
    deficit = jnp.asarray([10.0, 12.0, 5.0, 11.0, 3.0, 3.0])
    largest = jnp.asarray([10.0, 10.0, 5.0, 10.004, 3.0, 0.0])
    np.testing.assert_allclose(
        bounds.counted_once(deficit, largest), [10, 2, 5, 0.996, 3, 3]
    )
    nothing = jnp.zeros(3)
    np.testing.assert_array_equal(bounds.counted_once(nothing, nothing), nothing)


def test_the_bound_is_differentiable_in_deficits():
    gradient = jax.grad(bounds.severity_bound)(jnp.asarray([3.0, 4.0]), jnp.zeros(2))
    np.testing.assert_allclose(gradient, [0.6, 0.8])
