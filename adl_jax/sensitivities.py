"""How much every reported figure depends on the venue: its Greeks."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array

from adl_jax._types import Key, Scalar, as_float
from adl_jax.loop import simulate
from adl_jax.messages import Commitment, Information, Observation, Record
from adl_jax.monte_carlo.batches import ABREAST, scenario_key
from adl_jax.monte_carlo.rows import COLUMNS, row_of
from adl_jax.policy import AbstractPolicy
from adl_jax.registry import Registry
from adl_jax.result import InputError
from adl_jax.scenario import Scenario
from adl_jax.statistics import mean, paired_difference


Changed: TypeAlias = Callable[
    [Scenario, AbstractPolicy, Scalar], tuple[Scenario, AbstractPolicy]
]
"""`(scenario, policy, change) -> scenario, policy`, the same at a change of 0."""


class Parameter(NamedTuple):
    """Something about a venue that can be moved a little.

    **Fields:** `change`: how; `unit`: what a change of 1 is; `scale`: how much of it is a
    change of the size of others.
    """

    change: Changed
    unit: str
    scale: float = 1.0


def _times(where: Callable[[Scenario], Array | None]) -> Changed:
    def change(
        scenario: Scenario, policy: AbstractPolicy, by: Scalar
    ) -> tuple[Scenario, AbstractPolicy]:
        scaled = lambda leaf: leaf * (1 + by.astype(leaf.dtype))
        return eqx.tree_at(where, scenario, replace_fn=scaled), policy

    return change


def _plus_fee(
    scenario: Scenario, policy: AbstractPolicy, by: Scalar
) -> tuple[Scenario, AbstractPolicy]:
    added = lambda leaf: leaf + by.astype(leaf.dtype)
    where = lambda scenario: scenario.venue.liquidation_fee
    return eqx.tree_at(where, scenario, replace_fn=added), policy


def _more_severe(
    scenario: Scenario, policy: AbstractPolicy, by: Scalar
) -> tuple[Scenario, AbstractPolicy]:
    return scenario, Scaled(policy, 1 + by)


class Scaled(AbstractPolicy):
    """A policy that raises a multiple of what another one would.

    **Arguments:** `policy`; `factor`: shape `()`, >= 0.
    """

    policy: AbstractPolicy
    factor: Scalar = eqx.field(default=1.0, converter=as_float)

    @property
    def information(self) -> Information:
        """The policy's."""
        return self.policy.information

    @property
    def allocates_contracts(self) -> bool:
        """What the policy can."""
        return self.policy.allocates_contracts

    def init(self, observation: Observation):
        """The policy's state."""
        return self.policy.init(observation)

    def commit(self, state, observation: Observation) -> Commitment:
        """A multiple of the policy's commitment."""
        return jax.tree.map(
            lambda amount: self.factor.astype(amount.dtype) * amount,
            self.policy.commit(state, observation),
        )

    def allocate(self, state, observation: Observation, budget, *, key: Key):
        """The policy's haircuts."""
        return self.policy.allocate(state, observation, budget, key=key)

    def learn(self, state, observation: Observation, record: Record):
        """The policy's next state."""
        return self.policy.learn(state, observation, record)


parameters: Registry[Parameter] = Registry("venue parameter")
"""What `sensitivities` moves."""
for _name, _parameter in {
    "margin_rates": Parameter(
        _times(lambda scenario: scenario.venue.margin.rate), "100 % of every rate"
    ),
    "fund": Parameter(
        _times(lambda scenario: scenario.venue.fund.balance), "100 % of the balance"
    ),
    "depth": Parameter(
        _times(lambda scenario: scenario.market.depth), "100 % of every depth"
    ),
    "impact": Parameter(
        _times(lambda scenario: scenario.market.impact), "100 % of every slope"
    ),
    "severity": Parameter(_more_severe, "100 % of what is committed to"),
    "fee": Parameter(_plus_fee, "USD a USD of notional liquidated", 0.01),
}.items():
    parameters.register(_name, lambda parameter=_parameter: parameter)

FIGURES = ("needed", "undershoot", "overshoot", "unpaid", "concentration", "fund_end")
"""Figures of the table where none are chosen, of `monte_carlo.COLUMNS`."""


def sensitivities(
    key: Key,
    scenario: Scenario,
    policy: AbstractPolicy,
    num_scenarios: int,
    *,
    figures: Iterable[str] = FIGURES,
    of: Iterable[str] | None = None,
    bandwidth: float = 0.02,
) -> pd.DataFrame:
    r"""Derivatives of mean figures in the venue's parameters, two ways.

    The *pathwise* one is the mean of $\partial f/\partial p$ in each scenario, exact but
    for accounts that a change moves over a threshold: a mean of derivatives is not the
    derivative of a mean where f jumps. The *smoothed* one is
    $E[f(p+h)-f(p-h)]/2h$ on the same scenarios: the exact derivative of the mean over a
    parameter that is uniform within h of p, jumps included, with an error of order
    h^2 for p itself. Their difference estimates the bias of the first (`kink_bias`).

    **Arguments:**

    - `key`: a typed PRNG key; scenario i is that of `monte_carlo` with the same key.
    - `scenario`, `policy`: as in `monte_carlo`.
    - `num_scenarios`: two or more.
    - `figures`: columns of `monte_carlo.COLUMNS` that are numbers.
    - `of`: names in `sensitivities.parameters`; all if not given, but `fee` where the
        venue's is below the bandwidth: there are no negative fees. What is moved is the
        venue alone: accounts keep the books that they have at its present margins.
    - `bandwidth`: h, in the parameter's unit times its `scale`: 0.02 is 2 % of a depth,
        and 2 basis points of a fee. Smaller is less biased and noisier.

    **Returns:** a row for each figure and parameter: `figure`, `parameter`, `unit` of the
    parameter, `pathwise` and `smoothed` with standard errors and 95 % ends, `kink_bias`,
    smoothed less pathwise in the same scenarios, likewise, and `bandwidth`.

    **Raises:** `InputError` for a figure or parameter that does not exist, too few
    scenarios, or a bandwidth that is not above 0.

    **Cost:** a simulation and a forward derivative a parameter, in one pass; and two
    simulations a parameter.

    ```python
    >>> import jax, adl_jax
    >>> from adl_jax.scenario.named import default
    >>> from adl_jax.sensitivities import sensitivities
    >>> full = adl_jax.Policy(adl_jax.severity.Fixed(1), adl_jax.ProRata())
    >>> table = sensitivities(
    ...     jax.random.key(0), default(num_accounts=40), full, 8,
    ...     figures=["fund_end"], of=["fund"],
    ... )
    >>> print(table[["figure", "parameter"]].values.tolist())
    [['fund_end', 'fund']]

    ```
    """
    figures = tuple(figures)
    names = tuple(parameters if of is None else of)
    _check(figures, names, num_scenarios, bandwidth)
    least = bandwidth * parameters["fee"]().scale
    if "fee" in names and float(scenario.venue.liquidation_fee) < least:
        if of is not None:
            raise InputError(
                f"sensitivities: the venue's fee is {scenario.venue.liquidation_fee}, "
                f"below the bandwidth {least:g}: lower the bandwidth, or leave fee out"
            )
        names = tuple(name for name in names if name != "fee")
    # Tuples: a dictionary would come out of jit in another order.
    moved = tuple(parameters[name]() for name in names)
    width = tuple(bandwidth * parameter.scale for parameter in moved)
    found = jax.device_get(
        _differentiated(key, scenario, policy, num_scenarios, figures, moved, width)
    )
    rows = []
    for figure in figures:
        for number, name in enumerate(names):
            slope, above, below = (
                np.asarray(part[figure], np.float64)[:, number] for part in found
            )
            smooth = (above - below) / (2 * width[number])
            row: dict[str, object] = {
                "figure": figure,
                "parameter": name,
                "unit": moved[number].unit,
            }
            for column, estimate in {
                "pathwise": mean(slope),
                "smoothed": mean(smooth),
                "kink_bias": paired_difference(smooth, slope),
            }.items():
                row[column] = estimate.value
                row[f"{column}_se"] = estimate.standard_error
                row[f"{column}_low"] = estimate.low
                row[f"{column}_high"] = estimate.high
            rows.append(row | {"bandwidth": width[number]})
    return pd.DataFrame(rows)


@eqx.filter_jit
def _differentiated(
    key: Key,
    scenario: Scenario,
    policy: AbstractPolicy,
    num_scenarios: int,
    figures: tuple[str, ...],
    moved: tuple[Parameter, ...],
    width: tuple[float, ...],
) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
    """Slopes, and figures above and below, `(scenarios, parameters)` by figure."""
    dtype = scenario.market.mark.dtype
    steps = jnp.diag(jnp.asarray(width, dtype))
    at = jnp.zeros(len(moved), dtype)

    def one(index: Array) -> tuple[dict[str, Array], ...]:
        value = lambda by: _figures(key, index, scenario, policy, figures, moved, by)
        return (
            jax.jacfwd(value)(at),
            jax.lax.map(value, steps),
            jax.lax.map(value, -steps),
        )

    abreast = max(ABREAST // jax.eval_shape(scenario.sample, key)[0].num_positions, 1)
    index = jnp.arange(num_scenarios, dtype=jnp.int32)
    return jax.lax.map(one, index, batch_size=min(abreast, num_scenarios))


def _figures(
    key: Key,
    index: Array,
    scenario: Scenario,
    policy: AbstractPolicy,
    figures: tuple[str, ...],
    moved: tuple[Parameter, ...],
    by: Array,
) -> dict[str, Array]:
    for number, parameter in enumerate(moved):
        scenario, policy = parameter.change(scenario, policy, by[number])
    for_draw, for_run = scenario_key(key, index)
    book, market, shocks = scenario.sample(for_draw)
    run = simulate(
        for_run, book, market, scenario.venue, policy, shocks, keep_haircuts=False
    )
    row = row_of(run, book, market, shocks)
    return {name: row[name] for name in figures}


def _check(
    figures: tuple[str, ...],
    names: tuple[str, ...],
    num_scenarios: int,
    bandwidth: float,
) -> None:
    for given, known, what in (
        (figures, set(COLUMNS) - {"status"}, "figure"),
        (names, set(parameters), "parameter"),
    ):
        for name in given:
            if name not in known:
                raise InputError(
                    f"sensitivities: no {what} named {name!r}; there are: "
                    f"{', '.join(sorted(known))}"
                )
    if num_scenarios < 2:
        raise InputError(
            f"sensitivities: num_scenarios is {num_scenarios}; give 2 or more"
        )
    if not 0 < bandwidth < 1:
        raise InputError(
            f"sensitivities: bandwidth is {bandwidth}; give a number between 0 and 1"
        )
