"""The least worst haircut fraction in whole lots, under the budget of any severity."""

from adl_jax._types import Key, PerAccount, Scalar
from adl_jax.allocation import min_max_integer, pro_rata
from adl_jax.allocator import AbstractAllocation
from adl_jax.messages import Observation


class MinMaxLots(AbstractAllocation):
    """The min-max integer program (8), with the budget a severity committed to.

    Without lots the least worst fraction is pro rata's and no other allocation's
    (Proposition 9), so rounds without `lot_value` are pro rata.

    **Invariants:** 0 <= x <= u; with lots, budget <= sum x < budget + the largest lot
    wherever lots allow, so a little more than the budget is executed.
    """

    def __call__(
        self, observation: Observation, budget: Scalar, *, key: Key
    ) -> PerAccount:
        """Haircuts in USD, see `adl_jax.allocation.min_max_integer`."""
        del key
        assert observation.capacity is not None
        if observation.lot_value is None:
            return pro_rata(observation.capacity, budget)
        return min_max_integer(observation.capacity, budget, observation.lot_value)
