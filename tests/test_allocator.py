import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax import Observation, Queue
from adl_jax.allocator import allocations


def observation(accounts, seed=0):
    draw = np.random.default_rng(seed)
    capacity = jnp.asarray(draw.pareto(0.8, accounts) * 100)
    return Observation(
        capacity=capacity, capacity_total=capacity.sum(),
        score=jnp.asarray(draw.normal(size=accounts)),
    )  # fmt: skip


@pytest.mark.parametrize("accounts", [1, 2, 2**6 + 1])
@pytest.mark.parametrize("name", allocations)
def test_every_allocation_is_feasible(name, accounts):
    seen = observation(accounts)
    for share in (0.0, 0.3, 1.0):
        budget = share * seen.capacity_total
        haircut = allocations[name]()(seen, budget, key=jax.random.key(0))
        assert haircut.shape == (accounts,)
        assert (haircut >= 0).all()
        assert (haircut <= seen.capacity).all()
        np.testing.assert_allclose(haircut.sum(), budget, rtol=1e-12)


def test_a_queue_without_scores_takes_the_largest_profit_first():
    seen = Observation(capacity=jnp.asarray([1.0, 5.0, 3.0]))
    haircut = Queue()(seen, jnp.asarray(6.0), key=jax.random.key(0))
    np.testing.assert_array_equal(haircut, [0, 5, 1])
