"""Reverse stress: how small a shock already does it, scenario by scenario."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float

from adl_jax._sums import product
from adl_jax._types import Key, Scalar
from adl_jax.book import Book
from adl_jax.market import Market, Shocks
from adl_jax.monte_carlo.batches import (
    Batches,
    Draws,
    choose_batch_size,
    over_draws,
)
from adl_jax.monte_carlo.rows import scenario_row
from adl_jax.monte_carlo.smallest_shocks import EVENTS, SmallestShocks
from adl_jax.policy import AbstractPolicy
from adl_jax.projection._multiplier import ratio
from adl_jax.result import InputError
from adl_jax.scenario import Scenario
from adl_jax.venue import Venue


class Search(eqx.Module):
    """Where the smallest shock is looked for.

    **Arguments:**

    - `max_scale`: shape `()`, the largest shock that is tried, > 0, in multiples of the
        scenario's own.
    - `grid`: how many equally spaced scales up to it are tried first.
    - `steps`: halvings of the interval between two of them. The smallest shock is found
        to `max_scale / grid / 2**steps`.
    """

    max_scale: Scalar
    grid: int = eqx.field(static=True)
    steps: int = eqx.field(static=True)


class Found(eqx.Module):
    """What a search finds in a scenario; arrays of shape `(events,)`.

    - `below`, `scale`: the event does not happen at the one and does at the other, the
        smallest that was seen to do it; infinite where none does.
    - `on_grid`: shape `(grid + 1, events)`, whether the event happens at each of the
        grid's scales, from 0.
    - `finite`: shape `()`, whether all amounts were.
    """

    below: Float[Array, " events"]
    scale: Float[Array, " events"]
    on_grid: Bool[Array, "scales events"]
    finite: Bool[Array, ""]


def reverse_stress(
    key: Key,
    scenario: Scenario,
    policies: Mapping[str, AbstractPolicy],
    num_scenarios: int = 256,
    *,
    cost: float | None = None,
    fund_sizes: Sequence[float] | None = None,
    max_scale: float = 4.0,
    grid: int = 32,
    steps: int = 10,
    batch_size: int | None = None,
    report: Callable[[int, int], None] | None = None,
) -> SmallestShocks:
    r"""Finds the smallest shock that does harm, for each scenario and policy.

    A shock of scale s is the scenario's own path with every log return times s: the shape
    of the path, the book, and all other draws stay, liquidity and funding too. Scale 1 is
    the scenario that `monte_carlo` runs under the same key and number.

    What happens need not grow with s: a fall that liquidates accounts early, at a price
    that still covers them, can be less harmful than a smaller one. So all scales of a
    coarse grid are tried first, the smallest that does it is taken, and the interval
    below it is halved `steps` times. What lies between two points of the grid and ends
    before the second is not seen.

    **Arguments:**

    - `key`, `scenario`, `policies`: as in `monte_carlo`.
    - `num_scenarios`: how many, from 0.
    - `cost`: USD, > 0: with it, the smallest shock that costs winners as much as this.
    - `fund_sizes`: USD, >= 0: with them, everything once for each size of the insurance
        fund, on the same draws: a frontier. A fund of each market is scaled as a whole.
    - `max_scale`, `grid`, `steps`: where to look, see `Search`.
    - `batch_size`: scenarios at once, a multiple of the local devices; chosen from free
        memory if not given.
    - `report`: called after each search of a batch, policy and fund size, with how many
        are done and how many there are.

    **Returns:** `SmallestShocks`.

    **Raises:** `InputError` for arguments out of range, tilted scenarios, and where an
    amount is not finite.

    **Differentiability:** none; the result is where something begins to happen.

    **Cost:** `1 + grid + steps * events` simulations a scenario, policy and fund size.

    **Example:**

    ```python
    >>> import jax, adl_jax
    >>> from adl_jax.scenario import scenarios
    >>> policy = adl_jax.Policy(adl_jax.severity.Fixed(1), adl_jax.ProRata())
    >>> smallest = adl_jax.reverse_stress(
    ...     jax.random.key(0), scenarios["default"](num_accounts=60), {"all": policy}, 4
    ... )
    >>> smallest.scale.shape, smallest.events
    ((1, 1, 3, 4), ('fund', 'adl', 'unpaid'))

    ```
    """
    events = tuple(name for name in EVENTS if name != "cost" or cost is not None)
    size = batch_size or choose_batch_size(scenario, num_scenarios)
    _check(policies, num_scenarios, cost, fund_sizes, max_scale, grid, steps, size)
    if jax.eval_shape(scenario.sample, key)[2].log_weight is not None:
        raise InputError(
            "reverse_stress: scenarios are tilted, and a scaled path has another weight; "
            "fix: returns that are not tilted"
        )
    dtype = scenario.market.mark.dtype
    number = lambda value: jnp.asarray(value, dtype)
    search = Search(number(max_scale), grid, steps)
    venues = [scenario.venue]
    if fund_sizes is not None:
        venues = [with_fund(scenario.venue, number(usd)) for usd in fund_sizes]
    batches = Batches(key, scenario, policies, size)
    shape = len(venues), len(policies), len(events), num_scenarios
    scale = np.empty(shape)
    on_grid = np.empty((grid + 1, *shape), bool)
    deepest = np.empty(num_scenarios)
    searches = len(venues) * len(policies) * -(-num_scenarios // size)
    done = 0
    for first in range(0, num_scenarios, size):
        count = min(size, num_scenarios - first)
        part = slice(first, first + count)
        drawn = batches.draw(first)
        deepest[part] = np.asarray(_deepest(batches.mesh, drawn))[:count]
        for i, venue in enumerate(venues):
            for j, (name, policy) in enumerate(policies.items()):
                found = jax.device_get(
                    _search(
                        *(batches.mesh, venue, policy, drawn, search),
                        cost=number(np.inf if cost is None else cost),
                        events=events,
                    )
                )
                _require_finite(found.finite[:count], first, name, max_scale)
                scale[i, j, :, part] = found.scale[:count].T
                on_grid[:, i, j, :, part] = np.moveaxis(found.on_grid[:count], 0, -1)
                done += 1
                if report is not None:
                    report(done, searches)
    return SmallestShocks(
        scale=scale,
        deepest=deepest,
        on_grid=on_grid,
        funds=np.array([float(venue.fund.balance.sum()) for venue in venues]),
        policies=tuple(policies),
        events=events,
        cost=cost,
        grid=np.linspace(0, max_scale, grid + 1),
        resolution=max_scale / grid / 2**steps,
    )


def with_fund(venue: Venue, usd: Scalar) -> Venue:
    """The venue with another insurance fund; one of each market keeps its share."""
    balance = venue.fund.balance
    if balance.ndim:
        total = balance.sum()
        share = jnp.where(total > 0, ratio(balance, total), 1 / balance.size)
        usd = usd * share.astype(usd.dtype)
    return eqx.tree_at(lambda venue: venue.fund.balance, venue, usd)


def scaled(shocks: Shocks, scale: Scalar) -> Shocks:
    """The path with every log return times `scale`; all else as it is."""
    return dataclasses.replace(shocks, log_return=scale * shocks.log_return)


@eqx.filter_jit
def _deepest(mesh: Mesh, draws: Draws) -> Float[Array, " batch"]:
    """The lowest log return of the book on the path, each market by its open interest."""

    def one(
        shared: None, key: Key, book: Book, market: Market, shocks: Shocks
    ) -> Scalar:
        del shared, key
        weight = jnp.abs(book.size) * market.mark[book.market]
        path = jnp.cumsum(shocks.log_return, axis=0)[:, book.market]
        return jnp.minimum(ratio(product(path, weight), weight.sum()).min(), 0)

    return over_draws(mesh, one, None, draws)


@eqx.filter_jit
def _search(
    mesh: Mesh,
    venue: Venue,
    policy: AbstractPolicy,
    drawn: Draws,
    search: Search,
    *,
    cost: Scalar,
    events: tuple[str, ...],
) -> Found:
    arrays, static = eqx.partition((venue, policy, search, cost), eqx.is_array)

    def one(shared: Any, *sample: Any) -> Found:
        venue, policy, search, cost = eqx.combine(shared, static)
        key, book, market, shocks = sample

        def happens(scale: Scalar) -> tuple[Bool[Array, " events"], Bool[Array, ""]]:
            path = scaled(shocks, scale)
            row = scenario_row(key, book, market, venue, policy, path)
            happened = {
                "fund": (row["deficit"] > 0) | (row["needed"] > 0),
                "adl": row["touched"] > 0,
                "cost": row["executed"] >= cost,
                "unpaid": row["unpaid"] > 0,
            }
            amounts = row["deficit"] + row["needed"] + row["executed"] + row["unpaid"]
            return jnp.stack([happened[name] for name in events]), jnp.isfinite(amounts)

        return smallest(happens, search, len(events))

    return over_draws(mesh, one, arrays, drawn)


def smallest(happens: Any, search: Search, count: int) -> Found:
    """The smallest scale at which each of `count` events happens.

    One loop, so that what happens is compiled once: over the grid from 0, then always the
    middle of the widest interval that is left. Every trial narrows the intervals of all
    events that it lies in.

    **Arguments:** `happens`: takes a scale and returns what happened, bool `(count,)`, and
    whether all was finite.
    """
    largest, last = search.max_scale, search.grid

    def step(trial: Array, found: Found) -> Found:
        width = jnp.where(jnp.isfinite(found.scale), found.scale - found.below, 0)
        widest = width.argmax()
        middle = found.below[widest] + width[widest] / 2
        on_grid = largest * (trial / last).astype(largest.dtype)
        scale = jnp.where(trial <= last, on_grid, middle)
        happened, finite = happens(scale)
        inside = (scale >= found.below) & (scale < found.scale)
        return Found(
            below=jnp.where(inside & ~happened, scale, found.below),
            scale=jnp.where(inside & happened, scale, found.scale),
            on_grid=found.on_grid.at[trial].set(happened, mode="drop"),
            finite=found.finite & finite,
        )

    start = Found(
        below=jnp.zeros(count, largest.dtype),
        scale=jnp.full(count, jnp.inf, largest.dtype),
        on_grid=jnp.zeros((last + 1, count), bool),
        finite=jnp.array(True),
    )
    return jax.lax.fori_loop(0, 1 + last + count * search.steps, step, start)


def _require_finite(
    finite: Bool[np.ndarray, " batch"], first: int, policy: str, max_scale: float
) -> None:
    if not finite.all():
        raise InputError(
            f"reverse_stress: amounts of {policy} in scenario "
            f"{first + int(np.argmin(finite))} are not finite at some shock up to "
            f"{max_scale:g} times its own; fix: a smaller max_scale"
        )


def _check(
    policies: Mapping[str, AbstractPolicy],
    num_scenarios: int,
    cost: float | None,
    fund_sizes: Sequence[float] | None,
    max_scale: float,
    grid: int,
    steps: int,
    batch_size: int,
) -> None:
    if not policies:
        raise InputError("reverse_stress: give at least one policy")
    for name, value in {
        "num_scenarios": num_scenarios,
        "grid": grid,
        "steps": steps,
        "batch_size": batch_size,
    }.items():
        if not isinstance(value, int) or value < 1:
            raise InputError(f"reverse_stress: {name} is {value}; give 1 or more")
    for name, value in {"cost": cost, "max_scale": max_scale}.items():
        if value is not None and not 0 < value < np.inf:
            raise InputError(
                f"reverse_stress: {name} is {value}; give a finite number above 0"
            )
    if fund_sizes is not None and len(fund_sizes) == 0:
        raise InputError(
            "reverse_stress: fund_sizes is empty; give one or more, in USD"
        )
    for usd in fund_sizes or ():
        if not 0 <= usd < np.inf:
            raise InputError(
                f"reverse_stress: fund_sizes has {usd}; give finite USD, 0 or more"
            )
    devices = jax.local_device_count()
    if batch_size % devices:
        raise InputError(
            f"batch_size is {batch_size}, not a multiple of the {devices} local devices"
        )
