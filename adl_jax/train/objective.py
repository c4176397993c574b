"""What training minimises: numbers of a batch of scenarios, each a small module."""

import abc
from collections.abc import Callable, Mapping
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._types import Scalar, as_float, check_range
from adl_jax.registry import Registry
from adl_jax.result import InputError


Figures = Mapping[str, Float[Array, " scenarios"]]


class AbstractObjective(eqx.Module):
    """A number of a batch of scenarios, to be made small.

    **Fields of every objective:** `unit`: USD that count as 1, so that gradients are of
    order 1 whatever the venue's size.
    """

    @property
    @abc.abstractmethod
    def needs(self) -> frozenset[str]:
        """Names of the figures that it looks at."""

    @abc.abstractmethod
    def value(self, figures: Figures) -> Scalar:
        """What a validation reports: no trained variables, no multipliers."""

    def variables(self) -> dict[str, Scalar]:
        """Numbers that are trained besides the policy, at their start."""
        return {}

    def multipliers(self) -> dict[str, Scalar]:
        """Dual variables, which rise where a constraint is broken, at their start."""
        return {}

    def loss(
        self,
        figures: Figures,
        variables: Mapping[str, Scalar],
        multipliers: Mapping[str, Scalar],
    ) -> Scalar:
        """What is differentiated; the value itself unless said otherwise."""
        del variables, multipliers
        return self.value(figures)

    def ascend(
        self, multipliers: dict[str, Scalar], figures: Figures
    ) -> dict[str, Scalar]:
        """The multipliers after a step."""
        del figures
        return multipliers


class Mean(AbstractObjective):
    """The mean of a figure.

    **Arguments:** `figure`: its name (`train.SIMULATED`); `unit`.
    """

    figure: str = eqx.field(default="tracking", static=True)
    unit: Scalar = eqx.field(default=1.0, converter=as_float)

    @property
    def needs(self) -> frozenset[str]:
        """The figure."""
        return frozenset({self.figure})

    def value(self, figures: Figures) -> Scalar:
        """The mean."""
        return _in_units(figures[self.figure], self.unit).mean()


class ConditionalValueAtRisk(AbstractObjective):
    r"""The mean of the worst scenarios (Rockafellar and Uryasev, 2000).

    $\min_\tau\ \tau+\frac{1}{1-\alpha}E(x-\tau)_+$, whose minimiser is the quantile.

    **Arguments:**

    - `figure`, `unit`: as in `Mean`.
    - `level`: shape `()`, alpha in [0, 1): 0.9 is the mean of the worst tenth.
    - `threshold`: `"batch"`: the batch's own quantile, which is biased low in small
        batches; `"trained"`: a variable of its own, from 0.
    """

    figure: str = eqx.field(default="tracking", static=True)
    unit: Scalar = eqx.field(default=1.0, converter=as_float)
    level: Scalar = eqx.field(default=0.9, converter=as_float)
    threshold: Literal["batch", "trained"] = eqx.field(default="batch", static=True)

    def __check_init__(self):
        """Refuses a tail of nothing."""
        check_range("ConditionalValueAtRisk.level", self.level, 0, 0.9999)
        if self.threshold not in ("batch", "trained"):
            raise InputError(
                f"ConditionalValueAtRisk.threshold is {self.threshold!r}: choose "
                "'batch' or 'trained'"
            )

    @property
    def needs(self) -> frozenset[str]:
        """The figure."""
        return frozenset({self.figure})

    def value(self, figures: Figures) -> Scalar:
        """At the batch's own quantile."""
        x = _in_units(figures[self.figure], self.unit)
        level = self.level.astype(x.dtype)
        # The objective is flat in the threshold at the quantile: it passes nothing on.
        quantile = jax.lax.stop_gradient(jnp.quantile(x, level, method="lower"))
        return self._at(x, quantile)

    def variables(self) -> dict[str, Scalar]:
        """The threshold, where it is trained."""
        trained = self.threshold == "trained"
        return {"threshold": jnp.zeros_like(self.level)} if trained else {}

    def loss(
        self,
        figures: Figures,
        variables: Mapping[str, Scalar],
        multipliers: Mapping[str, Scalar],
    ) -> Scalar:
        """At the trained threshold, or at the quantile."""
        if self.threshold == "batch":
            return self.value(figures)
        x = _in_units(figures[self.figure], self.unit)
        return self._at(x, variables["threshold"].astype(x.dtype))

    def _at(self, x: Float[Array, " scenarios"], threshold: Scalar) -> Scalar:
        excess = jnp.maximum(x - threshold, 0).mean()
        return threshold + excess / (1 - self.level.astype(x.dtype))


class Asymmetric(AbstractObjective):
    r"""The mean of the asymmetric round losses, (9), summed over rounds.

    **Arguments:** `under`, `over`: weights without unit; `fair`: USD; `unit`.
    """

    under: Scalar = eqx.field(default=1.0, converter=as_float)
    over: Scalar = eqx.field(default=1.0, converter=as_float)
    fair: Scalar = eqx.field(default=0.0, converter=as_float)
    unit: Scalar = eqx.field(default=1.0, converter=as_float)

    @property
    def needs(self) -> frozenset[str]:
        """Undershoot, what was raised above what was needed, and concentrations."""
        return frozenset({"undershoot", "over_needed", "concentration_sum"})

    def value(self, figures: Figures) -> Scalar:
        """The weighted mean."""
        parts = {
            "undershoot": self.under,
            "over_needed": self.over,
            "concentration_sum": self.fair,
        }
        return _weighted(parts, figures, self.unit)


class Weighted(AbstractObjective):
    r"""Solvency, fairness and revenue at given prices.

    $w_S\,\mathrm{undershoot}+w_F\sum_t\max_i x_i/u_i-w_R\,\mathrm{revenue}$: what was
    needed and not raised, how uneven haircuts are, and what the venue earns.

    The companion paper (arXiv 2512.01112) sets these three against each other. The terms
    and the weighted sum are ours: V_T (21) for solvency, the largest haircut fraction of
    each round, as in (9), for fairness, and what the simulated venue earned. The
    companion's revenue, a model of fees and churn (its appendix H.2), is not in here.

    **Arguments:** `solvency`, `revenue`: without unit; `fairness`: USD; `unit`.
    """

    solvency: Scalar = eqx.field(default=1.0, converter=as_float)
    fairness: Scalar = eqx.field(default=0.0, converter=as_float)
    revenue: Scalar = eqx.field(default=1.0, converter=as_float)
    unit: Scalar = eqx.field(default=1.0, converter=as_float)

    @property
    def needs(self) -> frozenset[str]:
        """Undershoot, concentrations and revenue."""
        return frozenset({"undershoot", "concentration_sum", "revenue"})

    def value(self, figures: Figures) -> Scalar:
        """The weighted mean."""
        parts = {
            "undershoot": self.solvency,
            "concentration_sum": self.fairness,
            "revenue": -self.revenue,
        }
        return _weighted(parts, figures, self.unit)


class ChanceConstraint(AbstractObjective):
    r"""A figure as low as it can be while undershoot is rarely above a tolerance.

    $\min\ E[x]$ with $P[V_T>v]\le\epsilon$, by its Lagrangian: the multiplier rises by
    `ascent` times what the probability is above its limit, and never falls below 0. A
    probability has no slope, so that the loss has a sigmoid of width `smoothing` in its
    place; the multiplier follows the probability itself.

    **Arguments:**

    - `figure`: x, what undershoot is traded against; `unit`.
    - `tolerance`: shape `()`, USD, v. `limit`: shape `()`, epsilon, in [0, 1].
    - `smoothing`: shape `()`, USD, > 0. `ascent`: shape `()`, >= 0.
    - `price`: shape `()`, what a broken constraint costs in `value`, for each unit of
        probability above the limit.
    """

    figure: str = eqx.field(default="over_needed", static=True)
    unit: Scalar = eqx.field(default=1.0, converter=as_float)
    tolerance: Scalar = eqx.field(default=1.0, converter=as_float)
    limit: Scalar = eqx.field(default=0.1, converter=as_float)
    smoothing: Scalar = eqx.field(default=1.0, converter=as_float)
    ascent: Scalar = eqx.field(default=1.0, converter=as_float)
    price: Scalar = eqx.field(default=100.0, converter=as_float)

    def __check_init__(self):
        """Refuses what is no probability or no width."""
        check_range("ChanceConstraint.limit", self.limit, 0, 1)
        check_range("ChanceConstraint.smoothing", self.smoothing, 1e-12)
        check_range("ChanceConstraint.ascent", self.ascent, 0)

    @property
    def needs(self) -> frozenset[str]:
        """The figure and undershoot."""
        return frozenset({self.figure, "undershoot"})

    def multipliers(self) -> dict[str, Scalar]:
        """Starts at 0: nothing is broken yet."""
        return {"undershoot": jnp.zeros_like(self.limit)}

    def value(self, figures: Figures) -> Scalar:
        """The mean, and the price of breaking the constraint."""
        x = _in_units(figures[self.figure], self.unit).mean()
        return x + self.price.astype(x.dtype) * jnp.maximum(self._broken(figures), 0)

    def loss(
        self,
        figures: Figures,
        variables: Mapping[str, Scalar],
        multipliers: Mapping[str, Scalar],
    ) -> Scalar:
        """The Lagrangian, with the smooth probability."""
        x = _in_units(figures[self.figure], self.unit).mean()
        short = figures["undershoot"]
        tolerance, width, limit = (
            value.astype(x.dtype)
            for value in (self.tolerance, self.smoothing, self.limit)
        )
        often = jax.nn.sigmoid((short - tolerance) / width).mean()
        return x + multipliers["undershoot"].astype(x.dtype) * (often - limit)

    def ascend(
        self, multipliers: dict[str, Scalar], figures: Figures
    ) -> dict[str, Scalar]:
        """Goes up where the constraint is broken, and down to 0 where it is kept."""
        now = multipliers["undershoot"]
        step = self.ascent.astype(now.dtype) * self._broken(figures).astype(now.dtype)
        return {"undershoot": jnp.maximum(now + step, 0)}

    def _broken(self, figures: Figures) -> Scalar:
        short = figures["undershoot"]
        above = short > self.tolerance.astype(short.dtype)
        return above.astype(short.dtype).mean() - self.limit.astype(short.dtype)


def _in_units(
    figure: Float[Array, " scenarios"], unit: Scalar
) -> Float[Array, " scenarios"]:
    return figure / unit.astype(figure.dtype)


def _weighted(parts: Mapping[str, Scalar], figures: Figures, unit: Scalar) -> Scalar:
    terms = [
        weight.astype(figures[name].dtype) * _in_units(figures[name], unit).mean()
        for name, weight in parts.items()
    ]
    return jnp.stack(terms).sum()


objectives: Registry[AbstractObjective] = Registry("objective")
"""Objectives by name, for configurations."""
_NAMED: dict[str, Callable[..., AbstractObjective]] = {
    "mean": Mean,
    "cvar": ConditionalValueAtRisk,
    "asymmetric": Asymmetric,
    "weighted": Weighted,
    "chance": ChanceConstraint,
}
for _name, _constructor in _NAMED.items():
    objectives.register(_name, _constructor)


def check_figures(objective: AbstractObjective, there: frozenset[str], of: Any) -> None:
    """Refuses an objective that looks at figures that a problem does not have."""
    lacking = sorted(objective.needs - there)
    if lacking:
        raise InputError(
            f"{type(objective).__name__} needs the figure {lacking[0]!r}, which {of} "
            f"does not have; there are: {', '.join(sorted(there))}"
        )
