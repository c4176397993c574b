"""Descent stays below its bounds in every geometry, with hints, lazily, and on slopes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings, strategies as st

from adl_jax.evaluate import bounds, descent_bounds
from adl_jax.mirror import BinaryEntropy, Euclidean, Log, NegativeEntropy
from adl_jax.severity import MirrorDescentSeverity, Optimistic
from tests.evaluate.test_online_bounds import (
    ADVERSARIES,
    AMOUNTS,
    SETTINGS,
    SHARES,
    T,
    run,
    tracking,
)


# Each map with the least second derivative of its potential on the box [LOWER, 1].
LOWER = 0.02
GEOMETRIES = {
    "euclidean": (Euclidean, 1.0),
    "binary_entropy": (lambda: BinaryEntropy(1.02), 4 / 1.02),
    "negative_entropy": (NegativeEntropy, 1.0),
    "log": (Log, 1.0),
}
STEPS = st.floats(-2, 1).map(lambda power: 10.0**power)
COMPARATORS = np.linspace(LOWER, 1, 25)


def learner(geometry, step, **changes):
    settings = {"initial": 0.3, "lower": LOWER, "decay": 0.0} | changes
    return MirrorDescentSeverity(
        mirror_map=GEOMETRIES[geometry][0](),
        optimizer=optax.sgd,
        step_size=step,
        **settings,
    )


def regrets(deficit, share, right):
    loss = tracking(deficit, share, right).sum()
    return [loss - tracking(deficit, u, right).sum() for u in COMPARATORS]


def divergences(geometry, points):
    """Of every comparator from every point, (comparators, points)."""
    mirror_map = GEOMETRIES[geometry][0]()
    every = jax.vmap(jax.vmap(mirror_map.divergence, (None, 0)), (0, None))
    return np.asarray(every(jnp.asarray(COMPARATORS), jnp.asarray(points)))


def assert_below(found, slopes, steps, reaches, convexity):
    for regret, reach in zip(found, reaches, strict=True):
        bound = descent_bounds.mirror_descent_bound(
            jnp.asarray(slopes),
            jnp.asarray(steps),
            jnp.asarray(reach),
            jnp.asarray(convexity),
        ).value
        assert regret <= bound * (1 + 1e-9)


@pytest.mark.parametrize("target", ADVERSARIES)
@pytest.mark.parametrize("geometry", GEOMETRIES)
@SETTINGS
@given(AMOUNTS, SHARES, STEPS, st.sampled_from([0.0, 0.5]))
def test_steps_that_never_grow(geometry, target, deficit, aims, step, decay):
    # Nothing known in advance: the largest deficit so far sets the scale.
    share, right = run(learner(geometry, step, decay=decay), deficit, aims, target)
    steps = step / np.maximum.accumulate(deficit) / np.arange(1, T + 1) ** decay
    reaches = divergences(geometry, share).max(axis=1)
    found = regrets(deficit, share, right)
    assert_below(found, deficit, steps, reaches, GEOMETRIES[geometry][1])


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("target", ADVERSARIES[:2])
@pytest.mark.parametrize("geometry", GEOMETRIES)
@settings(deadline=None, derandomize=True, max_examples=8)
@given(AMOUNTS, SHARES, STEPS)
def test_a_fixed_step_needs_the_start_alone(
    geometry, target, lazy, deficit, aims, step
):
    largest = deficit.max()
    one = learner(geometry, step, largest_slope=largest, lazy=lazy)
    share, right = run(one, deficit, aims, target)
    reaches = divergences(geometry, [0.3])[:, 0]
    found = regrets(deficit, share, right)
    steps = np.full(T, step / largest)
    assert_below(found, deficit, steps, reaches, GEOMETRIES[geometry][1])


@pytest.mark.parametrize("target", ADVERSARIES)
@SETTINGS
@given(AMOUNTS, SHARES, STEPS)
def test_hints_pay_for_their_errors_alone(target, deficit, aims, step):
    largest = deficit.max()
    base = learner("euclidean", step, largest_slope=largest)
    share, right = (np.asarray(x) for x in run(Optimistic(base), deficit, aims, target))
    gradient = deficit * np.sign(share - right)
    eta, point, errors = step / largest, 0.3, []
    for x, g in zip(share, gradient, strict=True):
        # What moved the point, in place of a hint that was cut at the estimate.
        errors.append(g - (point - x) / eta)
        point = np.clip(point - eta * g, LOWER, 1)
    reaches = (COMPARATORS - 0.3) ** 2 / 2
    found = regrets(deficit, share, right)
    assert_below(found, np.abs(errors), np.full(T, eta), reaches, 1.0)


def test_perfect_hints_cost_no_more_than_the_start():
    # The same round again and again: from the second on the estimate is right.
    deficit, right = np.full(T, 5.0), np.full(T, 0.8)
    base = learner("euclidean", 0.4, largest_slope=5.0)
    share, _ = run(Optimistic(base), deficit, right, lambda share, aim: aim)
    plain, _ = run(base, deficit, right, lambda share, aim: aim)
    assert tracking(deficit, share, right)[1:].sum() == pytest.approx(0, abs=1e-12)
    assert tracking(deficit, plain, right)[1:].sum() > 1


@SETTINGS
@given(AMOUNTS, SHARES, STEPS)
def test_proposition_1_is_projected_descent_on_a_set_of_length_1(deficit, right, step):
    path = bounds.path_variation(right)
    found = descent_bounds.projected_descent_bound(
        jnp.asarray(deficit), jnp.asarray(step), jnp.ones(()), path
    )
    expected = bounds.fixed_step_bound(deficit, right, jnp.asarray(step))
    np.testing.assert_allclose(found.value, expected, rtol=1e-12)
    least = bounds.severity_bound(deficit, right)
    np.testing.assert_allclose(found.constants["least"], least, rtol=1e-12)
    assert found.value >= found.constants["least"] * (1 - 1e-12)


@SETTINGS
@given(SHARES, st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_estimated_slopes_track_below_proposition_10(shares, steepest, quantity):
    slopes = shares * steepest
    path = jnp.abs(jnp.diff(jnp.asarray(slopes))).sum()
    found = descent_bounds.impact_bound(
        T, jnp.asarray(quantity), jnp.asarray(steepest), path
    )
    step, guess, missed = float(found.constants["best_step"]), 0.0, 0.0
    for slope in slopes:
        missed += quantity**2 * abs(guess - slope)
        guess = np.clip(guess - step * np.sign(guess - slope), 0, steepest)
    assert missed <= found.value * (1 + 1e-9)
    by_hand = quantity**2 * np.sqrt(T * (steepest**2 + 2 * steepest * float(path)))
    np.testing.assert_allclose(found.value, by_hand, rtol=1e-12)
