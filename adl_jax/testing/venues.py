"""The contract of a venue's preset."""

import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from adl_jax._types import as_dtype
from adl_jax.allocator import Queue
from adl_jax.policy import Policy
from adl_jax.severity import Fixed
from adl_jax.testing.conservation import check_conservation
from adl_jax.testing.laws import require
from adl_jax.venue import Quotes, Venue


ARGUMENTS = ("max_leverage", "notional_scale", "fund")
"""What every preset takes, in this order."""


def check_venue(preset: Callable[..., Venue]) -> None:
    """Holds a preset to everything that presets of this package are held to.

    It takes what every preset takes, and refuses limits that are none. It computes in
    float32 and in float64, on one market and on many, margins between nothing and the
    whole notional that rise with it. Other numbers compile nothing again. `fund` is the
    money in the layers before ADL. In a simulated crash no money appears or is lost.

    **Arguments:** `preset`: a function `(max_leverage, *, notional_scale, fund) -> Venue`
    with defaults.

    **Raises:** `AssertionError` that says what does not hold.

    ```python
    >>> from adl_jax.testing import check_venue
    >>> check_venue(lambda: "rules")
    Traceback (most recent call last):
    AssertionError: str is no Venue

    ```
    """
    check_arguments(preset)
    with jax.enable_x64(True):
        for markets in (1, 3):
            for dtype in (np.float32, np.float64):
                check_builds(preset, markets, dtype)
        check_one_program(preset)
        check_fund(preset)
        check_conservation(Policy(Fixed(1), Queue()), preset)


def check_arguments(preset: Callable[..., Venue]) -> None:
    """The usual arguments with defaults; one number is one market; nonsense is refused."""
    made = preset()
    require(isinstance(made, Venue), f"{type(made).__name__} is no Venue")
    require(
        preset(20).margin.rate.shape[0] == 1, "one leverage limit is not one market"
    )
    named = tuple(inspect.signature(preset).parameters)[:3]
    require(named == ARGUMENTS, f"takes {', '.join(named)}, not {', '.join(ARGUMENTS)}")
    for limit in (0.0, np.nan, -2.0):
        try:
            # What divides by them is refused later, by its result.
            with np.errstate(divide="ignore", invalid="ignore"):
                preset(max_leverage=[20.0, limit])
        except ValueError:
            continue
        raise AssertionError(
            f"a leverage limit of {limit} is not refused: use half_of_initial, or check "
            "it and raise ValueError"
        )


def limits(markets: int, dtype: Any = np.float64) -> np.ndarray:
    """Leverage limits of real venues, some of them between the published ladders."""
    return np.resize([40.0, 25, 20, 10, 5, 3, 125, 15, 50, 1], markets).astype(dtype)


def check_builds(preset: Callable[..., Venue], markets: int, dtype: Any) -> Any:
    """Margins and prices have the dtype; margins are within the notional and rise.

    **Returns:** notional and maintenance margin, shape `(markets,)`, for further tests.
    """
    venue = as_dtype(preset(limits(markets, dtype), fund=1e6), dtype)
    notional = jnp.asarray(np.resize([0.0, 1e3, 1e6, 3e8], markets), dtype)
    mark = jnp.ones(markets, dtype)
    quotes = Quotes(mark, mark, mark, jnp.ones((markets, 2), dtype))

    @eqx.filter_jit
    def computed(venue: Venue) -> Any:
        index = jnp.arange(markets)
        margins = [
            venue.margin.maintenance(scale * notional, index) for scale in (1, 2)
        ]
        return *margins, venue.close_price(quotes)

    maintenance, twice, price = computed(venue)
    require(maintenance.dtype == dtype, f"margins are {maintenance.dtype} in {dtype}")
    require(price.dtype == dtype, f"close prices are {price.dtype} in {dtype}")
    require(price.shape == (markets, 2), f"close prices have shape {price.shape}")
    require(maintenance >= 0, "a margin is negative")
    require(maintenance <= notional, "a margin is above the notional")
    require(twice >= maintenance, "a larger position needs less margin")
    return notional, maintenance


def check_one_program(preset: Callable[..., Venue]) -> None:
    """Money and limits are leaves: other ones do not trace again."""
    traces = 0

    @eqx.filter_jit
    def largest(venue: Venue) -> Any:
        nonlocal traces
        traces += 1
        return venue.margin.rate.max()

    largest(preset(limits(3), fund=1.0))
    largest(preset(limits(3) / 2, fund=2.0, notional_scale=0.1))
    require(traces == 1, "other limits or money trace again: keep numbers in arrays")


def check_fund(preset: Callable[..., Venue]) -> None:
    """`fund` is in the layers before ADL: the fund, of each market too, or the vault."""
    venue = preset(limits(2), fund=7.0)
    vault = 0 if venue.vault is None else float(venue.vault.cash)
    money = float(venue.fund.balance) + vault
    require(money == 7, f"of a fund of 7 USD {money} are in the layers before ADL")
    if venue.vault is None:
        each = preset(limits(2), fund=np.array([1.0, 2.0]))
        np.testing.assert_array_equal(each.fund.balance, [1, 2])
