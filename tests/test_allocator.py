import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax import Observation, Queue
from adl_jax.allocator import allocations
from adl_jax.testing.policies import check_feasible


@pytest.mark.parametrize("accounts", [1, 2, 2**6 + 1])
@pytest.mark.parametrize("name", allocations)
def test_every_allocation_is_feasible(name, accounts):
    check_feasible(allocations[name](), accounts)


def test_a_queue_without_scores_takes_the_largest_profit_first():
    seen = Observation(capacity=jnp.asarray([1.0, 5.0, 3.0]))
    haircut = Queue()(seen, jnp.asarray(6.0), key=jax.random.key(0))
    np.testing.assert_array_equal(haircut, [0, 5, 1])
