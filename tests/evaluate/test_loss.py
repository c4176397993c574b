import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from adl_jax.evaluate import loss


EXECUTED = jnp.asarray([5.0, 1.0, 3.0])
NEEDED = jnp.asarray([2.0, 4.0, 3.0])
SHARE = jnp.asarray([0.5, 0.25, 0.0])


def test_each_equation_by_hand():
    np.testing.assert_allclose(
        loss.asymmetric(EXECUTED, NEEDED, SHARE, under=2, over=3, fair=10),
        [9 + 5, 6 + 2.5, 0],
    )
    parts = loss.components(EXECUTED, NEEDED, SHARE, track=2, fair=10)
    np.testing.assert_allclose(parts.tracking, [6, 6, 0])
    np.testing.assert_allclose(parts.fairness, [5, 2.5, 0])
    np.testing.assert_allclose(parts.total, [11, 8.5, 0])
    np.testing.assert_allclose(
        loss.surrogate(EXECUTED, NEEDED, SHARE, track=2, fair=10), parts.total
    )
    reference = jnp.asarray([0.25, 0.5, 0.0])
    parts = loss.empirical(EXECUTED, NEEDED, SHARE, reference, weight=2)
    np.testing.assert_allclose(parts.tracking, [3, 3, 0])
    np.testing.assert_allclose(parts.fairness, [1, 2, 0])


def test_asymmetric_with_equal_weights_is_the_surrogate():
    np.testing.assert_allclose(
        loss.asymmetric(EXECUTED, NEEDED, SHARE),
        loss.surrogate(EXECUTED, NEEDED, SHARE),
    )


def test_doing_nothing_costs_what_was_needed():
    zero = jnp.zeros(3)
    np.testing.assert_array_equal(loss.surrogate(zero, NEEDED, zero), NEEDED)
    np.testing.assert_array_equal(
        loss.empirical(zero, NEEDED, zero, zero).total, NEEDED
    )


@pytest.mark.parametrize("function", [loss.asymmetric, loss.surrogate])
def test_losses_are_convex_in_what_was_executed(function):
    draw = np.random.default_rng(0)
    a, b, needed = (jnp.asarray(draw.uniform(0, 10, 100)) for _ in range(3))
    middle = function((a + b) / 2, needed, (a + b) / 40)
    ends = (function(a, needed, a / 20) + function(b, needed, b / 20)) / 2
    assert (middle <= ends + 1e-12).all()


def test_gradients_away_from_and_at_the_kink():
    def total(executed, needed):
        return loss.surrogate(executed, needed, executed / 10).sum()

    away = jnp.asarray([5.0, 1.0])
    check_grads(total, (away, NEEDED[:2]), order=1, modes=["fwd", "rev"])
    at_kink = jax.grad(total)(NEEDED, NEEDED)
    assert np.isfinite(at_kink).all()
    assert (np.abs(at_kink) <= 1.1 + 1e-12).all()
