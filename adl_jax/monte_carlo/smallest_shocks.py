"""What a reverse stress found, in a few numbers."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from adl_jax.result import InputError
from adl_jax.statistics import bootstrap


EVENTS = {
    "fund": "the fund cannot pay all debts",
    "adl": "winners pay",
    "cost": "winners pay a given sum",
    "unpaid": "debt stays unpaid",
}
"""What a shock can do, in the order in which results have them."""
SPREAD = {"05": 0.05, "median": 0.5, "95": 0.95}
"""Which scenarios a table shows beside the one asked for."""


class Crossing(NamedTuple):
    """Where a probability is reached, and the 95 % interval; multiples of the own shock."""

    scale: Float[np.ndarray, "funds policies events"]
    low: Float[np.ndarray, "funds policies events"]
    high: Float[np.ndarray, "funds policies events"]


@dataclasses.dataclass(frozen=True)
class SmallestShocks:
    """The smallest shock of each fund size, policy, event and scenario.

    **Fields:**

    - `scale`: shape `(funds, policies, events, scenarios)`, in multiples of the scenario's
        own shock, an end of an interval of length `resolution` at whose other end the
        event does not happen; infinite where no scale that was tried does it.
    - `deepest`: shape `(scenarios,)`, the lowest log return of the book on the scenario's
        own path, each market by its open interest; 0 where it never falls.
    - `grid`: shape `(scales,)`, the scales that were tried in every scenario, from 0.
    - `on_grid`: shape `(scales, funds, policies, events, scenarios)`, whether the event
        happens at them.
    - `funds`: shape `(funds,)`, USD in the insurance fund before the crash.
    - `policies`, `events`: names, in order; `cost`: USD of the event `cost`.
    """

    scale: Float[np.ndarray, "funds policies events scenarios"]
    deepest: Float[np.ndarray, " scenarios"]
    grid: Float[np.ndarray, " scales"]
    on_grid: Bool[np.ndarray, "scales funds policies events scenarios"]
    funds: Float[np.ndarray, " funds"]
    policies: tuple[str, ...]
    events: tuple[str, ...]
    cost: float | None
    resolution: float

    @property
    def max_scale(self) -> float:
        """The largest shock that was tried."""
        return float(self.grid[-1])

    @property
    def undone(self) -> Bool[np.ndarray, "funds policies events scenarios"]:
        """Whether a larger shock of the grid undoes the event."""
        larger = self.grid.reshape(-1, 1, 1, 1, 1) > self.scale
        return (larger & ~self.on_grid).any(axis=0)

    @property
    def fall(self) -> Float[np.ndarray, "funds policies events scenarios"]:
        """The same shocks as the share that the book's price falls, at its deepest.

        1 - exp(scale * deepest), before what liquidations add; infinite where there is no
        such shock.
        """
        return np.where(
            np.isfinite(self.scale),
            -np.expm1(np.where(np.isfinite(self.scale), self.scale, 0) * self.deepest),
            np.inf,
        )

    def at_probability(self, probability: float) -> Crossing:
        """The smallest scale at which an event's probability reaches a number.

        Of the same shock scale for all scenarios, by linear interpolation between the
        grid's, with the BCa bootstrap interval over scenarios.

        **Arguments:** `probability`: in (0, 1).

        **Returns:** a `Crossing`, infinite where no scale of the grid reaches it.

        **Raises:** `InputError` for a probability out of range, or fewer than two
        scenarios.
        """
        if not 0 < probability < 1:
            raise InputError(f"probability is {probability}: give one between 0 and 1")
        shape = self.scale.shape[:-1]
        if len(self.deepest) < 2:
            raise InputError(
                "1 scenario has no probability: give num_scenarios 2 or more"
            )
        crossing = lambda *shares: _crossing(self.grid, np.stack(shares), probability)
        known = lambda scale: np.inf if scale > self.max_scale else float(scale)
        found = []
        for place in np.ndindex(shape):
            columns = self.on_grid[(slice(None), *place)].astype(float)
            value = crossing(*columns.mean(axis=1))
            ends = bootstrap.interval(crossing, *columns)
            found.append((known(value), *map(known, ends)))
        return Crossing(*np.array(found).T.reshape(3, *shape))

    def to_pandas(self, probability: float = 0.5) -> pd.DataFrame:
        """One row for each fund size, policy and event.

        `scale` is `at_probability`, with its interval from `scale_low` to `scale_high`,
        and `fall` the median over scenarios of how far it lets the book fall. `_05`,
        `_median` and `_95` are quantiles over scenarios of each one's own smallest shock,
        infinite where too few have one. `never` is the share without any up to
        `max_scale`; `undone` the share where a larger shock undoes the event.

        **Raises:** as `at_probability`.
        """
        at = self.at_probability(probability)
        falls, undone = self.fall, self.undone
        typical = np.median(self.deepest)
        rows = []
        for place in np.ndindex(self.scale.shape[:-1]):
            i, j, k = place
            scale = at.scale[place]
            row = {
                "fund_usd": self.funds[i],
                "policy": self.policies[j],
                "event": self.events[k],
                "probability": probability,
                "scale": scale,
                "scale_low": at.low[place],
                "scale_high": at.high[place],
                "fall": -np.expm1(scale * typical) if np.isfinite(scale) else np.inf,
            }
            for name, values in {"scale": self.scale, "fall": falls}.items():
                for label, level in SPREAD.items():
                    # An order statistic: infinite values have their place.
                    row[f"{name}_{label}"] = np.quantile(
                        values[place], level, method="inverted_cdf"
                    )
            row["never"] = np.isinf(self.scale[place]).mean()
            row["undone"] = undone[place].mean()
            row["scenarios"] = len(self.deepest)
            rows.append(row)
        return pd.DataFrame(rows)


def _crossing(
    grid: Float[np.ndarray, " scales"],
    share: Float[np.ndarray, "scales *resamples"],
    level: float,
) -> Float[np.ndarray, "*resamples"]:
    """Where a share first reaches the level; twice the largest scale where it does not.

    A finite number above all others, so that resamples have an order.
    """
    reached = share >= level
    after = reached.argmax(axis=0)
    before = np.maximum(after - 1, 0)
    take = lambda place: np.take_along_axis(share, place[None], axis=0)[0]
    low, high = take(before), take(after)
    part = np.where(high > low, (level - low) / np.where(high > low, high - low, 1), 0)
    inside = grid[before] + part * (grid[after] - grid[before])
    # At the first point of the grid there is nothing to interpolate from.
    inside = np.where(after == 0, grid[0], inside)
    return np.where(reached.any(axis=0), inside, 2 * grid[-1])
