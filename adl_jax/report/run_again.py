"""Scenarios of a run once more, to see inside: round by round and account by account."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from adl_jax._types import Key, PerAccount, PerRound
from adl_jax.book import Book
from adl_jax.loop import simulate
from adl_jax.market import Market, Shocks
from adl_jax.messages import (
    Commitment,
    Information,
    Observation,
    Record,
    visible,
    visible_record,
)
from adl_jax.monte_carlo.batches import Draws, over_draws, scenario_key
from adl_jax.monte_carlo.rows import row_of
from adl_jax.policy import AbstractPolicy
from adl_jax.projection._multiplier import ratio
from adl_jax.scenario import Scenario
from adl_jax.venue import Venue


class Example(eqx.Module):
    """A scenario under a policy. USD and numbers of accounts.

    **Fields:**

    - `price`: shape `(rounds,)`, the book's after the shock, 1 before the crash: each
        market by its open interest, of the logarithm.
    - `liquidated`, `deficit`, `needed`, `executed`, `unpaid`, `fund`: shape `(rounds,)`.
    - `expected`: shape `(rounds,)`, the venue's estimate (20) of what will be needed,
        where there is a deficit and the policy was watched; else 0.
    - `equity`, `leverage`: shape `(accounts,)`, before the crash.
    - `profit`: shape `(accounts,)`, the largest that the account's positions of the start
        have at any round's marks.
    - `paid`: shape `(accounts,)`, the sum of its haircuts.
    - `market`: int, shape `(accounts,)`, of its largest position; `size`: its contracts.
    - `row`: the scenario's row, as a run keeps it.
    """

    price: PerRound
    liquidated: PerRound
    deficit: PerRound
    needed: PerRound
    executed: PerRound
    unpaid: PerRound
    fund: PerRound
    expected: PerRound
    equity: PerAccount
    leverage: PerAccount
    profit: PerAccount
    paid: PerAccount
    market: Int[Array, " accounts"]
    size: PerAccount
    row: dict[str, Array]


class Watched(AbstractPolicy[tuple[Any, Float[Array, " rounds"]]]):
    """A policy, unchanged, beside a note of what the venue expected to need.

    **Arguments:** `policy`: one that acts before it knows; `num_rounds`.
    """

    policy: AbstractPolicy
    num_rounds: int = eqx.field(static=True)

    @property
    def information(self) -> Information:
        """What the note needs; the policy is shown its own."""
        return Information.notional

    @property
    def allocates_contracts(self) -> bool:
        """What the policy can."""
        return self.policy.allocates_contracts

    def init(self, observation: Observation):
        """The policy's state, and nothing noted."""
        assert observation.deficit is not None
        noted = jnp.zeros(self.num_rounds, observation.deficit.dtype)
        return self.policy.init(self._its(observation)), noted

    def commit(self, state, observation: Observation) -> Commitment:
        """The policy's."""
        return self.policy.commit(state[0], self._its(observation))

    def allocate(self, state, observation: Observation, budget, *, key: Key):
        """The policy's."""
        return self.policy.allocate(state[0], self._its(observation), budget, key=key)

    def learn(self, state, observation: Observation, record: Record):
        """The policy's next state, and what was expected in this round."""
        inner, noted = state
        its = visible_record(record, self.policy.information)
        expected = observation.expected_needed
        assert expected is not None
        assert observation.round is not None
        return (
            self.policy.learn(inner, self._its(observation), its),
            noted.at[observation.round].set(expected),
        )

    def _its(self, observation: Observation) -> Observation:
        return visible(observation, self.policy.information)


def run_again(
    key: Key,
    scenario: Scenario,
    policies: Mapping[str, AbstractPolicy],
    indices: Sequence[int],
) -> dict[str, Example]:
    """Runs some scenarios of a run once more.

    Scenario i depends on the key and on i alone, so these are the run's own.

    **Returns:** of each policy an `Example` of NumPy arrays with a leading axis of
    scenarios, in the order of `indices`.

    **Cost:** a program a policy is compiled, side by side; what is kept is some six
    numbers an account.
    """
    mesh = Mesh(np.array(jax.local_devices()), ("scenario",))
    # Devices are given equally many: the last one is repeated.
    count = len(indices)
    padded = np.pad(np.asarray(indices, np.int32), (0, -count % mesh.size), mode="edge")
    drawn = _draw(key, scenario, jnp.asarray(padded))

    def act(policy: AbstractPolicy) -> Example:
        example = jax.device_get(_run(mesh, scenario.venue, policy, drawn))
        return jax.tree.map(lambda leaf: leaf[:count], example)

    # Two, so that one is compiled while another runs; more would hold more books at once.
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(policies, pool.map(act, policies.values()), strict=True))


@eqx.filter_jit
def _draw(key: Key, scenario: Scenario, index: Int[Array, " batch"]) -> Draws:
    def one(i: Int[Array, ""]) -> Any:
        for_draw, for_run = scenario_key(key, i)
        return for_run, *scenario.sample(for_draw)

    # Draws have a leading axis of scenarios, and what has no array once.
    return Draws(*eqx.partition(eqx.filter_vmap(one)(index), eqx.is_array))


@eqx.filter_jit
def _run(mesh: Mesh, venue: Venue, policy: AbstractPolicy, draws: Draws) -> Example:
    arrays, static = eqx.partition((venue, policy), eqx.is_array)

    def one(
        shared: Any, key: Key, book: Book, market: Market, shocks: Shocks
    ) -> Example:
        venue, policy = eqx.combine(shared, static)
        run = simulate(key, book, market, venue, policy, shocks)
        records, done = run.records, run.records.venue
        assert records.haircut is not None
        interest = jnp.abs(book.size) * market.mark[book.market]
        fall = jnp.log(done.mark / market.mark[None])[:, book.market]
        equity = book.equity(market.mark)
        place, size = _largest_position(book, interest)
        return Example(
            price=jnp.exp(ratio(fall @ interest, interest.sum())),
            liquidated=done.liquidated,
            deficit=records.deficit,
            needed=records.needed,
            executed=records.executed,
            unpaid=done.unpaid,
            fund=done.fund,
            expected=(
                run.state[1]
                if isinstance(policy, Watched)
                else jnp.zeros_like(records.deficit)
            ),
            equity=equity,
            leverage=ratio(book.notional(market.mark), equity),
            profit=jnp.maximum(jax.vmap(book.pnl)(done.mark).max(axis=0), 0),
            paid=records.haircut.sum(axis=0),
            market=place,
            size=size,
            row=row_of(run, book, market, shocks),
        )

    return over_draws(mesh, one, arrays, draws)


def _largest_position(
    book: Book, interest: Float[Array, " positions"]
) -> tuple[Int[Array, " accounts"], PerAccount]:
    """Market and contracts of each account's largest position; 0 and 0 without any."""
    accounts, positions = book.num_accounts, book.num_positions
    largest = jnp.zeros(accounts, interest.dtype).at[book.account].max(interest)
    is_largest = interest == largest[book.account]
    # Of several as large the last; an account without a position has none.
    place = jnp.where(is_largest, jnp.arange(positions), -1)
    chosen = jnp.full(accounts, -1).at[book.account].max(place)
    some = chosen >= 0
    return (
        jnp.where(some, book.market[chosen], 0),
        jnp.where(some, book.size[chosen], 0),
    )
