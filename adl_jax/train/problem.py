"""What a policy is trained on: crashes of a simulated venue, or rounds that are given."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from adl_jax._types import Key, Scalar
from adl_jax.loop import replay, simulate
from adl_jax.messages import Trajectory
from adl_jax.monte_carlo.batches import ABREAST
from adl_jax.monte_carlo.rows import COLUMNS, row_of
from adl_jax.policy import AbstractPolicy
from adl_jax.projection._multiplier import ratio
from adl_jax.remember import Remember
from adl_jax.result import InputError
from adl_jax.rounds import Rounds
from adl_jax.scenario import Scenario


GIVEN = {
    "deficit": "USD, sum over rounds of D_t",
    "needed": "USD, sum of the ex post benchmark (6)",
    "executed": "USD, sum of what winners paid, H_t",
    "undershoot": "USD, sum of (needed - executed)+, V_T (21)",
    "overshoot": "USD, sum of (executed - needed - carried)+",
    "over_needed": "USD, sum of (executed - needed)+, the second part of (9)",
    "tracking": "USD, sum of |executed - needed|",
    "relative_tracking": "tracking over the sum of max(executed, needed), in [0, 1]: 0 "
    "is all right, 1 is nothing raised or all in vain",
    "concentration": "largest haircut fraction of any account and round",
    "concentration_sum": "sum over rounds of the largest haircut fraction, as in (9)",
}
"""Figures of every problem."""
SIMULATED = (
    COLUMNS
    | GIVEN
    | {
        "revenue": "USD, the venue's, at the end",
        "solvency": "USD, the accounts' equity at the end",
    }
)
"""Figures of a simulated venue."""


class AbstractProblem(eqx.Module):
    """Draws a scenario from a key and says what a policy makes of it.

    Numbers are array leaves; problems that differ in them alone share one program.
    """

    @property
    @abc.abstractmethod
    def figures(self) -> frozenset[str]:
        """Names of what `run` returns."""

    @property
    @abc.abstractmethod
    def abreast(self) -> int:
        """How many scenarios are best computed side by side on a CPU."""

    @abc.abstractmethod
    def run(
        self, key: Key, policy: AbstractPolicy, remember: Remember = "all"
    ) -> dict[str, Scalar]:
        """Figures of one scenario, which depends on the key alone."""


class Simulated(AbstractProblem):
    """Crashes of a simulated venue.

    **Arguments:** `scenario`: a `Scenario`.
    """

    scenario: Scenario

    @property
    def figures(self) -> frozenset[str]:
        """Those of `SIMULATED`."""
        return frozenset(SIMULATED)

    @property
    def abreast(self) -> int:
        """As many as the Monte Carlo takes."""
        book = jax.eval_shape(self.scenario.sample, jax.random.key(0))[0]
        return max(ABREAST // book.num_positions, 1)

    def run(
        self, key: Key, policy: AbstractPolicy, remember: Remember = "all"
    ) -> dict[str, Scalar]:
        """Draws a book and a path, and simulates."""
        for_draw, for_run = jax.random.split(key)
        book, market, shocks = self.scenario.sample(for_draw)
        run = simulate(
            *(for_run, book, market, self.scenario.venue, policy, shocks),
            keep_haircuts=False,
            remember=remember,
        )
        venue = run.records.venue
        return (
            row_of(run, book, market, shocks)
            | _of_rounds(run)
            | {"revenue": venue.revenue[-1], "solvency": venue.solvency[-1]}
        )


class Replayed(AbstractProblem):
    """Given rounds, one event of several drawn by lot.

    **Arguments:** `events`: a `Rounds` whose every array has a leading axis of events, as
    `stack_events` makes it.
    """

    events: Rounds

    @property
    def figures(self) -> frozenset[str]:
        """Those of `GIVEN`."""
        return frozenset(GIVEN)

    @property
    def abreast(self) -> int:
        """All: nothing is quiet in given rounds."""
        return ABREAST

    def run(
        self, key: Key, policy: AbstractPolicy, remember: Remember = "all"
    ) -> dict[str, Scalar]:
        """Draws an event and replays it."""
        for_draw, for_run = jax.random.split(key)
        event = jax.random.randint(for_draw, (), 0, self.events.deficit.shape[0])
        rounds = jax.tree.map(lambda leaf: leaf[event], self.events)
        run = replay(
            rounds, policy, key=for_run, keep_haircuts=False, remember=remember
        )
        return _of_rounds(run)


def stack_events(*events: Rounds) -> Replayed:
    """A problem of several events with the same numbers of rounds, accounts and markets.

    **Raises:** `InputError` where events differ in these.
    """
    if not events:
        raise InputError("stack_events: give at least one event")
    arrays = [eqx.partition(event, eqx.is_array_like)[0] for event in events]
    shapes = [jax.tree.map(jnp.shape, one) for one in arrays]
    for number, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise InputError(
                f"stack_events: event {number} has other shapes than event 0: give every "
                "event the same rounds, accounts and markets, and the same fields"
            )
    return Replayed(jax.tree.map(lambda *leaves: jnp.stack(leaves), *events))


def _of_rounds(run: Trajectory) -> dict[str, Array]:
    records = run.records
    over = jnp.maximum(records.executed - records.needed, 0).sum()
    tracking = records.undershoot.sum() + over
    assert records.concentration is not None
    return {
        "deficit": records.deficit.sum(),
        "needed": records.needed.sum(),
        "executed": records.executed.sum(),
        "undershoot": records.undershoot.sum(),
        "overshoot": records.overshoot.sum(),
        "over_needed": over,
        "tracking": tracking,
        "relative_tracking": ratio(
            tracking, jnp.maximum(records.executed, records.needed).sum()
        ),
        "concentration": records.concentration.max(),
        "concentration_sum": records.concentration.sum(),
    }
