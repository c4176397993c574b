"""A few of a run's scenarios under other shocks, depths and funds."""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float

from adl_jax._types import Key, Scalar
from adl_jax.book import Book
from adl_jax.market import Market, Shocks
from adl_jax.monte_carlo.batches import Batches, Draws, over_draws
from adl_jax.monte_carlo.reverse_stress import scaled, with_fund
from adl_jax.monte_carlo.rows import scenario_row
from adl_jax.policy import AbstractPolicy
from adl_jax.scenario import Scenario
from adl_jax.venue import Venue


SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
DEPTHS = (0.25, 0.5, 1.0, 2.0, 4.0)


class Stressed(NamedTuple):
    """Rows of the same scenarios under changes; USD.

    **Fields:** `touched`, `unpaid`, `executed`: of shock and depth, shape
    `(depths, scales, scenarios)`; `by_fund`: whether winners pay, shape
    `(funds, scenarios)`; `funds`: shape `(funds,)`.
    """

    touched: Float[np.ndarray, "depths scales scenarios"]
    unpaid: Float[np.ndarray, "depths scales scenarios"]
    executed: Float[np.ndarray, "depths scales scenarios"]
    funds: Float[np.ndarray, " funds"]
    by_fund: Float[np.ndarray, "funds scenarios"]


def stress(
    key: Key,
    scenario: Scenario,
    policy: AbstractPolicy,
    num_scenarios: int,
    funds: Float[np.ndarray, " funds"],
) -> Stressed:
    """Runs the first scenarios under every scale and depth, and under every fund.

    A shock of scale s has every log return times s, as in `reverse_stress`. A book d times
    as deep takes d times as much, and its slopes are 1/d of what they were.

    **Arguments:** `num_scenarios`: a multiple of the local devices; `funds`: USD.
    """
    drawn = Batches(key, scenario, {}, num_scenarios).draw(0)
    mesh = Mesh(np.array(jax.local_devices()), ("scenario",))
    number = lambda value: jnp.asarray(value, scenario.market.mark.dtype)

    def under(fund: Any, scale: float, depth: float) -> dict[str, np.ndarray]:
        changes = number(fund), number(scale), number(depth)
        return jax.device_get(_act(mesh, scenario.venue, policy, changes, drawn))

    own = scenario.venue.fund.balance.sum()
    cells = [[under(own, scale, depth) for scale in SCALES] for depth in DEPTHS]
    of = lambda name: np.array([[cell[name] for cell in row] for row in cells])
    by_fund = [under(usd, 1.0, 1.0)["touched"] for usd in funds]
    return Stressed(
        of("touched"), of("unpaid"), of("executed"), funds, np.array(by_fund)
    )


@eqx.filter_jit
def _act(
    mesh: Mesh,
    venue: Venue,
    policy: AbstractPolicy,
    changes: tuple[Scalar, Scalar, Scalar],
    draws: Draws,
) -> dict[str, Array]:
    arrays, static = eqx.partition((venue, policy, changes), eqx.is_array)

    def one(
        shared: Any, key: Key, book: Book, market: Market, shocks: Shocks
    ) -> dict[str, Array]:
        venue, policy, (fund, scale, depth) = eqx.combine(shared, static)
        row = scenario_row(
            key,
            book,
            _deeper(market, depth),
            with_fund(venue, fund),
            policy,
            _deeper(scaled(shocks, scale), depth),
        )
        return {name: row[name] for name in ("touched", "unpaid", "executed")}

    return over_draws(mesh, one, arrays, draws)


def _deeper(part: Any, depth: Scalar) -> Any:
    """A market or a path with order books `depth` times as deep."""
    factor = {"depth": depth, "impact": 1 / depth, "impact_estimate": 1 / depth}
    changes = {
        name: times * getattr(part, name)
        for name, times in factor.items()
        if getattr(part, name, None) is not None
    }
    return dataclasses.replace(part, **changes)
