"""Allocations that are learned on books halfway through a crash: who pays, and next?"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.stats import norm

from adl_jax import Observation, Policy, ProRata
from adl_jax._types import Key, PerAccount, Scalar, as_dtype, as_float
from adl_jax.allocator import AbstractAllocation
from adl_jax.learned import LeverageCurve, SetNetwork
from adl_jax.policy import AbstractPolicy
from adl_jax.projection._multiplier import ratio
from adl_jax.remember import Remember
from adl_jax.scenario import Scenario
from adl_jax.scenario.named import default
from adl_jax.score import Positions
from adl_jax.severity import Fixed
from adl_jax.train import AbstractProblem, Mean, Settings, train


class Halfway(AbstractProblem):
    r"""A book halfway through its crash, all of whose debt is raised from winners.

    The next-step deficit, C-(32), is what winners are expected to owe after one more move
    of every mark, normal with standard deviation s of the notional n:
    $E(ns\xi-(e-x))_+=ns\,[\varphi(d)-d\,\Phi(-d)]$ with $d=(e-x)/ns$. Positions stay, as
    they do in the venue's profit settlement. Counted is what haircuts add to it, for a
    USD raised: between 0 and 1.

    **Arguments:** `scenario`: with one position an account; `spread`: s, shape `()`.
    """

    scenario: Scenario
    spread: Scalar = eqx.field(default=0.05, converter=as_float)

    @property
    def figures(self) -> frozenset[str]:
        """Shares of what is raised, and of a winner's profit."""
        return frozenset({"concentration", "next_deficit", "both", "infeasible"})

    @property
    def abreast(self) -> int:
        """All: nothing is quiet in one step."""
        return 64

    def run(
        self, key: Key, policy: AbstractPolicy, remember: Remember = "all"
    ) -> dict[str, Scalar]:
        """Draws a book and its fall, and allocates."""
        del remember
        for_draw, for_lots = jax.random.split(key)
        book, market, shocks = self.scenario.sample(for_draw)
        half = self.scenario.num_rounds // 2
        mark = market.mark * jnp.exp(shocks.log_return[:half].sum(axis=0))
        equity, notional = book.equity(mark), book.notional(mark)
        profit = jnp.maximum(book.pnl(mark), 0)
        capacity = jnp.minimum(profit, jnp.maximum(equity, 0))
        deficit = jnp.maximum(-equity, 0).sum()
        budget = jnp.minimum(deficit, capacity.sum())
        seen = Observation(
            capacity=capacity,
            leverage=ratio(notional, jnp.maximum(equity, 0)),
            score=self.scenario.venue.score(
                Positions(
                    size=book.size,
                    entry_price=book.entry_price,
                    mark=book.of_market(mark),
                    balance=book.collateral,
                    account_value=equity,
                )
            ),
        )
        assert isinstance(policy, Policy)
        haircut = policy.allocation(seen, budget, key=for_lots)
        at_risk = (capacity > 0) & (notional > 0)
        width = jnp.where(at_risk, notional, 1) * self.spread.astype(notional.dtype)
        added = _owed((equity - haircut) / width) - _owed(equity / width)
        next_deficit = ratio(jnp.where(at_risk, width * added, 0).sum(), budget)
        concentration = ratio(haircut, capacity).max()
        rounding = 1e-9 * budget
        wrong = (haircut < 0).any() | (haircut > capacity).any()
        wrong |= jnp.abs(haircut.sum() - budget) > rounding
        return {
            "concentration": concentration,
            "next_deficit": next_deficit,
            "both": concentration + next_deficit,
            "infeasible": wrong.astype(budget.dtype),
        }


def _owed(d: PerAccount) -> PerAccount:
    return norm.pdf(d) - d * norm.cdf(-d)


SETTINGS = Settings(
    steps=150,
    batch_size=32,
    learning_rate=0.02,
    validate_every=25,
    validation_scenarios=200,
    patience=6,
    remember="all",
)


def learned_allocations(
    seed: int,
) -> tuple[dict[str, AbstractAllocation], dict[str, Any]]:
    """A set network and a leverage curve, in float32, and how they were trained."""
    made: dict[str, AbstractAllocation] = {
        "set_network": SetNetwork(seed=seed),
        "leverage_curve": LeverageCurve(),
    }
    found, records = {}, {}
    for name, allocation in made.items():
        trained = train(
            *(jax.random.key(seed), Policy(Fixed(1), allocation)),
            {"halfway": Halfway(default(num_accounts=200))},
            Mean("both"),
            {"smaller": Halfway(default(num_accounts=100), as_float(0.07))},
            settings=SETTINGS,
            leaves=("allocation.*",),
        )
        assert isinstance(trained.policy, Policy)
        found[name] = as_dtype(trained.policy.allocation, jnp.float32)
        records[name] = trained.record
    return found, records


def empty(name: str) -> AbstractAllocation:
    """An allocation with the structure of a learned one, to read a file into."""
    made = {"set_network": SetNetwork, "leverage_curve": LeverageCurve}
    return as_dtype(made.get(name, ProRata)(), jnp.float32)
