"""Mirror maps are what they say; mirror descent is optax in the dual."""

import chex
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings, strategies as st

from adl_jax import projection
from adl_jax.mirror import (
    Box,
    Euclidean,
    NegativeEntropy,
    SimplexEntropy,
    mirror_descent,
    mirror_maps,
)


INSIDE = st.lists(st.floats(0.01, 0.99), min_size=4, max_size=4).map(np.array)


def points(name, x):
    """A point of the map's domain; the simplex map's is the simplex."""
    return jnp.asarray(x / x.sum() if name == "simplex_entropy" else x)


@pytest.mark.parametrize("name", mirror_maps)
@settings(deadline=None, derandomize=True, max_examples=25)
@given(INSIDE, INSIDE)
def test_every_map_keeps_its_laws(name, x, y):
    mirror_map = mirror_maps[name]()
    x, y = points(name, x), points(name, y)
    dual = mirror_map.to_dual(x)
    np.testing.assert_allclose(dual, jax.grad(mirror_map.potential)(x), rtol=1e-9)
    np.testing.assert_allclose(mirror_map.to_primal(dual), x, rtol=1e-9)
    by_definition = (
        mirror_map.potential(x)
        - mirror_map.potential(y)
        - jnp.sum(mirror_map.to_dual(y) * (x - y))
    )
    divergence = mirror_map.divergence(x, y)
    np.testing.assert_allclose(divergence, by_definition, rtol=1e-6, atol=1e-9)
    assert divergence >= -1e-12
    assert abs(mirror_map.divergence(x, x)) < 1e-12


@pytest.mark.parametrize("name", mirror_maps)
def test_clipping_is_the_bregman_projection_onto_a_box(name):
    if name in ("simplex_entropy", "p_norm"):
        pytest.skip("not separable")
    mirror_map = mirror_maps[name]()
    draw = np.random.default_rng(0)
    box = Box(0.2, 0.6)
    for _ in range(20):
        y = jnp.asarray(draw.uniform(0.05, 0.95, 3))
        best = mirror_map.divergence(box(y), y)
        others = jax.vmap(mirror_map.divergence, in_axes=(0, None))(
            jnp.asarray(draw.uniform(0.2, 0.6, (200, 3))), y
        )
        assert (best <= others + 1e-12).all()


def test_gradient_descent_by_hand():
    descent = mirror_descent(optax.sgd, Euclidean(), Box(), step_size=0.5)
    state = descent.init(jnp.asarray(0.2))
    state = descent.update(jnp.asarray(-1.0), state)
    np.testing.assert_allclose(state.point, 0.7)
    state = descent.update(jnp.asarray(-1.0), state)
    np.testing.assert_allclose(descent.play(state), 1.0)
    np.testing.assert_allclose(descent.play(state, jnp.asarray(1.0)), 0.5)


def test_lazy_and_agile_part_at_the_edge_of_the_set():
    gradients = [-1.0, -1.0, 1.0]
    ends = []
    for lazy in (False, True):
        descent = mirror_descent(
            optax.sgd, Euclidean(), Box(), step_size=0.8, lazy=lazy
        )
        state = descent.init(jnp.asarray(0.5))
        for gradient in gradients:
            state = descent.update(jnp.asarray(gradient), state)
        ends.append(float(state.point))
    # Agile forgets what the projection cut off; dual averaging remembers it.
    np.testing.assert_allclose(ends, [0.2, 1.0])


def test_entropic_descent_on_the_simplex_is_hedge():
    losses = np.random.default_rng(1).random((5, 4))
    descent = mirror_descent(
        optax.sgd, SimplexEntropy(), lambda x: x, step_size=0.7, lazy=True
    )
    state = descent.init(jnp.full(4, 0.25))
    for loss in losses:
        state = descent.update(jnp.asarray(loss), state)
    weights = np.exp(-0.7 * losses.sum(axis=0))
    np.testing.assert_allclose(state.point, weights / weights.sum(), rtol=1e-12)


def test_a_box_and_a_budget_take_their_bregman_projection():
    upper, total = jnp.asarray([0.5, 1.0, 2.0]), jnp.asarray(1.5)
    gradient = jnp.asarray([1.0, -1.0, 0.5])
    for mirror_map, project in (
        (Euclidean(), projection.euclidean),
        (NegativeEntropy(), projection.entropic),
    ):
        descent = mirror_descent(
            optax.sgd,
            mirror_map,
            lambda y, p=project: p(y, upper, total),
            step_size=0.3,
        )
        state = descent.init(jnp.asarray([0.5, 0.5, 0.5]))
        state = descent.update(gradient, state)
        np.testing.assert_allclose(state.point.sum(), total, rtol=1e-9)
        assert (state.point <= upper + 1e-12).all()
        # The step's own inequality: no other point of the set is better.
        start = jnp.asarray([0.5, 0.5, 0.5])

        def cost(x, start=start, mirror_map=mirror_map):
            return 0.3 * x @ gradient + mirror_map.divergence(x, start)

        draw = np.random.default_rng(2).dirichlet(np.ones(3), 400) * float(total)
        feasible = [jnp.asarray(x) for x in draw if (x <= np.asarray(upper)).all()]
        assert feasible
        assert all(cost(state.point) <= cost(x) + 1e-9 for x in feasible)


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.adagrad(0.3),
        optax.optimistic_gradient_descent(0.1),
        optax.chain(optax.trace(0.9), optax.scale(-0.1)),
        optax.contrib.cocob(),
    ],
)
def test_any_transformation_drives_it(optimizer):
    descent = mirror_descent(optimizer, NegativeEntropy(), Box(1e-6, 1.0))
    state = descent.init(jnp.full(3, 0.3))
    with jax.numpy_dtype_promotion("standard"):
        state = descent.update(jnp.asarray([1.0, -1.0, 0.5]), state)
    assert state.point[0] <= 0.3 <= state.point[1]
    with pytest.raises(ValueError, match="goes with a constructor"):
        mirror_descent(optimizer, Euclidean(), Box(), step_size=0.1)


def test_one_trace_and_one_pool_for_all_step_sizes():
    chex.clear_trace_counter()

    def step(descent):
        return descent.update(jnp.asarray(-1.0), descent.init(jnp.asarray(0.1))).point

    stepped = eqx.filter_jit(chex.assert_max_traces(step, n=1))

    def made(size):
        return mirror_descent(optax.sgd, Euclidean(), Box(), step_size=size)

    for size in (0.1, 0.2, 3):
        np.testing.assert_allclose(stepped(made(size)), min(0.1 + size, 1.0))
    steps = jnp.asarray([0.1, 0.2, 0.4])
    pool = jax.vmap(made)(steps)
    np.testing.assert_allclose(eqx.filter_vmap(step)(pool), 0.1 + steps)
