"""A run that ends when it knows a figure well enough."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from adl_jax.monte_carlo.results import Results
from adl_jax.monte_carlo.summary import figure
from adl_jax.result import InputError
from adl_jax.statistics import scenarios_needed
from adl_jax.statistics.convergence import FEWEST


# Looking at every batch would cost more than small batches do.
_GROWTH = 1.02


@dataclasses.dataclass(frozen=True)
class Until:
    """The half width of a figure's 95 % interval at which a run ends.

    It ends after a batch, never before 1,000 scenarios, and never while a figure's values
    are all the same: a rare event that has not happened yet looks exactly known. It looks
    again when there are 2 % more scenarios. Which batch is the last depends on rows alone,
    so that a resumed run ends at the same one.

    **Arguments:**

    - `figure`: a name of `summary.FIGURES`, such as `unpaid_mean_usd`.
    - `half_width`: > 0, in the figure's unit; or a share of its absolute value where
        `relative`.
    - `policy`: whose figure; every policy's whose values differ at all if not given.

    **Raises:** `InputError` for a figure that there is not, or no positive half width.
    """

    figure: str
    half_width: float
    relative: bool = False
    policy: str | None = None

    def __post_init__(self):
        """Refuses what can never be reached."""
        figure(self.figure)
        if not (self.half_width > 0 and np.isfinite(self.half_width)):
            raise InputError(
                f"until: half_width is {self.half_width}; give a number above 0"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the manifest."""
        return dataclasses.asdict(self)


class Watch:
    """What has been seen of the figure so far.

    **Arguments:** `until`; `policies`: names, in the order of the rows; `tilted`: whether
    rows count for weights.

    **Raises:** `InputError` where the policy is none of them.
    """

    def __init__(self, until: Until, policies: Sequence[str], tilted: bool):
        """Has seen nothing."""
        if until.policy is not None and until.policy not in policies:
            raise InputError(
                f"until: {until.policy!r} is no policy of this run; there are: "
                f"{', '.join(policies)}"
            )
        self._until, self._figure = until, figure(until.figure)
        self._policies, self._tilted = list(policies), tilted
        self._seen = {name: [] for name in policies if until.policy in (None, name)}
        self._weights: list[np.ndarray] = []
        self._count, self._look_at = 0, FEWEST

    def enough(self, table: pa.Table) -> bool:
        """Whether the run may end after this batch, whose rows are given in order."""
        every = len(self._policies)
        read = lambda name: table[name].to_numpy().astype(np.float64)
        columns = [read(name) for name in self._figure.columns]
        for place, policy in enumerate(self._policies):
            if policy in self._seen:
                mine = (column[place::every] for column in columns)
                self._seen[policy].append(self._figure.values(*mine))
        if self._tilted:
            self._weights.append(np.exp(read("log_weight")[::every]))
        self._count += table.num_rows // every
        if self._count < self._look_at:
            return False
        self._look_at = int(np.ceil(_GROWTH * self._count))
        weights = np.concatenate(self._weights) if self._tilted else None
        known = [
            self._known(np.concatenate(parts), weights) for parts in self._seen.values()
        ]
        # A policy that never acts has a figure that never varies.
        return True in known and False not in known

    def _known(self, values: np.ndarray, weights: np.ndarray | None) -> bool | None:
        """Whether it is known well enough; `None` where nothing varies."""
        if (values == values[0]).all():
            return None
        until = self._until
        estimate = self._figure.statistic.of(values, weights)
        needed = scenarios_needed(estimate, until.half_width, until.relative)
        return needed <= len(values)


def convergence(results: Results, name: str, points: int = 12) -> pd.DataFrame:
    """A figure from the first scenarios only, at counts spread evenly in logarithm.

    The half width falls as one over the root of the count where the figure converges as
    it should; a tail too heavy for it shows as a flat or rising one.

    **Arguments:** `name`: a name of `summary.FIGURES`; `points`: most counts.

    **Returns:** columns `policy`, `scenarios`, `value`, `low`, `high`, `half_width`.

    **Raises:** `InputError` for a figure that there is not.
    """
    chosen, weights = figure(name), results.weights()
    columns = [results.column(column, as_drawn=True) for column in chosen.columns]
    fewest = min(100, results.num_scenarios)
    counts = np.geomspace(fewest, results.num_scenarios, points).round().astype(int)
    rows = []
    for policy in results.policies:
        values = chosen.values(*(column[policy] for column in columns))
        for count in np.unique(counts):
            first = None if weights is None else weights[:count]
            estimate = chosen.statistic.of(values[:count], first)
            rows.append(
                {
                    "policy": policy,
                    "scenarios": int(count),
                    "value": estimate.value,
                    "low": estimate.low,
                    "high": estimate.high,
                    "half_width": estimate.half_width,
                }
            )
    return pd.DataFrame(rows)
