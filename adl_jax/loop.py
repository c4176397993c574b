"""The one loop: rounds in a `lax.scan`."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool

from adl_jax._types import Index, Key, as_dtype
from adl_jax.adl_round import decide, information_of
from adl_jax.book import Book
from adl_jax.market import Market, Shocks
from adl_jax.messages import (
    Information,
    Record,
    Trajectory,
    before_closeouts,
    visible,
    visible_record,
)
from adl_jax.policy import AbstractPolicy, Recorded
from adl_jax.remember import Remember, scan
from adl_jax.result import RESULTS, InputError, first_failure
from adl_jax.rounds import Rounds
from adl_jax.venue import Venue
from adl_jax.world import AbstractWorld, Past, Reacting


def replay(
    rounds: Rounds,
    policy: AbstractPolicy,
    *,
    key: Key | None = None,
    keep_haircuts: bool = True,
    remember: Remember = "all",
) -> Trajectory:
    """Runs a policy over given rounds (the fixed trajectory of section 5).

    In each round the policy commits, the loop applies the limits of `adl_round.decide`,
    the policy allocates, the outcome is settled, and the policy learns. What a policy
    is shown follows its declared information set, by construction.

    **Arguments:**

    - `rounds`: what happened, a `Rounds`.
    - `policy`: an `AbstractPolicy`. Its array leaves are traced: one compilation serves
        all their values.
    - `key`: a typed PRNG key for policies that draw lots, folded by the round's index;
        `jax.random.key(0)` if not given.
    - `keep_haircuts`: whether records hold the haircuts `(rounds, accounts)`.
    - `remember`: what a reverse pass keeps, `adl_jax.remember.Remember`.

    **Returns:** a `Trajectory`.

    **Raises:** `ValueError` where a recorded row has another number of rounds, where a
    policy declares an information set that is not its own to take, or where it commits
    to a rate and the rounds have no close-outs. A failure inside is in
    `Trajectory.status`.

    **Invariants:** 0 <= haircut <= capacity; executed = sum of haircuts = budget, or the
    status says so; the commitment of round t does not depend on anything later, nor on
    what the policy may not see.

    **Differentiability:** in the policy's leaves and in the rounds' amounts, almost
    everywhere, forward and reverse. Times are integers: use `eqx.filter_grad` for rounds.

    **Cost:** one pass over `(rounds, accounts)`, plus the allocation's.

    **Example:**

    ```python
    >>> import adl_jax
    >>> rounds = adl_jax.Rounds(
    ...     deficit=[10.0, 4.0], needed=[3.0, 2.0], capacity_total=[50.0, 40.0],
    ...     start_ms=[0, 10_000], end_ms=[500, 10_500],
    ... )
    >>> half = adl_jax.Policy(adl_jax.severity.Fixed(0.5), adl_jax.ProRata())
    >>> trajectory = adl_jax.replay(rounds, half)
    >>> print(trajectory.records.executed)
    [5. 2.]

    ```
    """
    information = information_of(policy)
    if type(policy) is Recorded and policy.executed.shape != rounds.deficit.shape:
        raise InputError(
            f"the recorded row has {policy.executed.shape[0]} rounds, the event has "
            f"{rounds.num_rounds}: give one entry a round"
        )
    key = jax.random.key(0) if key is None else key
    return _run(Past(rounds), policy, information, key, keep_haircuts, remember)


def simulate(
    key: Key,
    book: Book,
    market: Market,
    venue: Venue,
    policy: AbstractPolicy,
    shocks: Shocks,
    *,
    keep_haircuts: bool = True,
    remember: Remember = "rounds",
) -> Trajectory:
    r"""Runs a policy on a venue that reacts (the closed loop of section 4).

    In each round the marks move, accounts under maintenance margin are liquidated, the
    order book, the vault and the fund take their parts, and what insolvent accounts owe
    beyond that is the deficit. The policy commits and allocates; close-outs, haircuts and
    debts are settled; what nobody paid is carried over. A round in which nobody is under
    margin and no debt is open leaves the policy's state as it is, and a policy learns in
    rounds with a deficit alone, as in `replay`.

    **Arguments:**

    - `key`: a typed PRNG key, for policies that draw lots and for traders' reactions,
        folded by the round's index.
    - `book`: a `Book`; `market`: a `Market`; `venue`: a `Venue`.
    - `policy`: an `AbstractPolicy`.
    - `shocks`: one path, a `Shocks`.
    - `keep_haircuts`: whether records hold arrays over accounts, `(rounds, accounts)`.
    - `remember`: what a reverse pass keeps, `adl_jax.remember.Remember`. Without a
        derivative it changes nothing.

    **Returns:** a `Trajectory`: records, whose `venue` is a `VenueRecord`; the policy's
    final state; the status; and the final `ledger`, whose `debt` is what stayed unpaid.

    **Raises:** `InputError` where the parts do not fit together: markets that do not
    exist, dtypes that differ, open interest that does not balance where the venue demands
    it, a policy that cannot allocate contracts.

    **Invariants:** `settle.total_cash` and `settle.open_contracts` are constant, to
    rounding; 0 <= haircut <= profit in `pnl` settlement; collateral is never seized, but
    by venues whose `basis` says so.

    **Differentiability:** in every number of book, market, venue, policy and shocks,
    almost everywhere, forward and reverse; kinks where an account crosses a threshold.

    **Cost:** a quiet round is one pass over the positions and accounts; an active one
    some twenty, with a handful of segment sums, plus the allocation's. Under `jax.vmap`
    a round is quiet where it is in every lane, so that `jax.lax.map(..., batch_size=k)`
    with a few thousand positions in a batch is fastest on a CPU.

    **Example:**

    ```python
    >>> import jax, jax.numpy as jnp, adl_jax
    >>> from adl_jax.venue import flat_margin
    >>> book = adl_jax.Book(  # a long with 10x leverage against a short
    ...     account=[0, 1], market=[0, 0], size=[10.0, -10.0],
    ...     entry_price=[100.0, 100.0], collateral=[100.0, 1000.0],
    ... )
    >>> market = adl_jax.Market(mark=[100.0], impact=[0.1], depth=[0.0])
    >>> venue = adl_jax.Venue(flat_margin(jnp.array([0.05])))
    >>> full = adl_jax.Policy(adl_jax.severity.Fixed(1), adl_jax.ProRata())
    >>> fall = adl_jax.Shocks(log_return=jnp.log(jnp.array([[0.85]])))
    >>> run = adl_jax.simulate(jax.random.key(0), book, market, venue, full, fall)
    >>> print(run.records.deficit.round(2), run.records.needed.round(2))
    [50.] [60.]

    ```
    """
    # A venue's numbers, like a policy's, follow the book.
    dtype = book.collateral.dtype
    venue = as_dtype(venue, dtype)
    recovery = as_dtype(market.recovery, dtype)
    market = eqx.tree_at(lambda market: market.recovery, market, recovery)
    check_fit(book, market, venue, shocks)
    information = information_of(policy)
    if information is Information.observed:
        raise InputError("a recorded row cannot act on a simulated venue")
    world = Reacting(book, market, venue, shocks)
    return _run(world, policy, information, key, keep_haircuts, remember)


def check_fit(book: Book, market: Market, venue: Venue, shocks: Shocks) -> None:
    """Refuses parts that do not fit together.

    **Raises:** `InputError` naming the part, the row, the value and the fix. Values that
    are traced are not checked.
    """
    count = market.num_markets
    if shocks.log_return.shape[1] != count:
        raise InputError(
            f"Shocks has {shocks.log_return.shape[1]} markets, Market has {count}"
        )
    if venue.margin.rate.shape[0] != count:
        raise InputError(
            f"Venue.margin has {venue.margin.rate.shape[0]} markets, Market has {count}"
        )
    if venue.fund.balance.ndim and venue.fund.balance.shape[0] != count:
        raise InputError(
            f"Venue.fund has {venue.fund.balance.shape[0]} balances for {count} markets: "
            "give one number, or one a market"
        )
    dtype = book.collateral.dtype
    for name, part in {"Market": market, "Shocks": shocks}.items():
        for path, leaf in jax.tree_util.tree_leaves_with_path(part):
            if eqx.is_inexact_array(leaf) and leaf.dtype != dtype:
                raise InputError(
                    f"{name}{jax.tree_util.keystr(path)} is {leaf.dtype}, Book is "
                    f"{dtype}: give every amount in one precision"
                )
    if (book.holdings is None) != (market.asset_price is None):
        raise InputError("Book.holdings and Market.asset_price come together")
    if isinstance(book.market, Tracer) or isinstance(book.size, Tracer):
        return
    wrong = np.flatnonzero(np.asarray(book.market) >= count)
    if wrong.size:
        row = int(wrong[0])
        raise InputError(
            f"Book.market[{row}] is {int(book.market[row])}, but there are {count} "
            "markets, numbered from 0"
        )
    if venue.requires_balance:
        _check_balance(book, market)


def _check_balance(book: Book, market: Market) -> None:
    long, short = np.asarray(book.open_interest(market.num_markets), np.float64).T
    slack = book.num_positions * np.finfo(book.size.dtype).eps * (long + short)
    off = np.flatnonzero(np.abs(long - short) > slack)
    if off.size:
        m = int(off[0])
        called = f" ({market.names[m]})" if market.names else ""
        raise InputError(
            f"market {m}{called}: longs hold {long[m]:,.6g} contracts and shorts "
            f"{short[m]:,.6g}; this venue needs them equal: add the missing accounts, or "
            "set requires_balance=False and the rest is held outside"
        )


@eqx.filter_jit
def _run(
    world: AbstractWorld[Any, Any, Any],
    policy: AbstractPolicy,
    information: Information,
    key: Key,
    keep_haircuts: bool,
    remember: Remember,
) -> Trajectory:
    inputs = world.inputs()
    start = world.start()

    def act(
        begun: Any, state: Any, index: Index, bits: Array
    ) -> tuple[Any, Any, Any, RESULTS]:
        round_key = jax.random.wrap_key_data(bits, impl=jax.random.key_impl(key))
        policy_key, traders_key = jax.random.split(round_key)
        pending, observation = world.observe(begun, index)
        decision = decide(
            policy,
            information,
            state,
            observation,
            key=policy_key,
            offer=world.offer(pending),
        )
        after, done = world.settle(
            pending,
            observation,
            decision,
            key=traders_key,
        )
        learned = policy.learn(
            state,
            visible(observation, information),
            visible_record(done, information),
        )
        kept = done if keep_haircuts else _without_accounts(done)
        return after, learned, kept, decision.status

    def one_round(
        carry: tuple[Any, Any, RESULTS], now: tuple[Index, Any]
    ) -> tuple[tuple[Any, Any, RESULTS], Record]:
        world_state, state, status = carry
        index, given = now
        begun, active = world.begin(world_state, given)
        # Its bits: under `vmap` the rounds that are skipped are selected from, and a key
        # that is selected counts as used twice.
        bits = jax.random.key_data(jax.random.fold_in(key, index))
        if active is None:
            after, state, done, failure = act(begun, state, index, bits)
        else:
            after, state, done, failure = _where_active(
                active, partial(act, bits=bits), world, begun, state, index
            )
        return (after, state, first_failure(status, failure)), done

    first, _ = world.begin(start, jax.tree.map(lambda leaf: leaf[0], inputs))
    _, observation = world.observe(first, jnp.zeros((), jnp.result_type(int)))
    state = policy.init(before_closeouts(visible(observation, information)))
    length = jax.tree.leaves(inputs)[0].shape[0]
    (ledger, state, status), records = scan(
        one_round,
        (start, state, RESULTS.successful),
        (jnp.arange(length), inputs),
        remember,
    )
    return Trajectory(records=records, state=state, status=status, ledger=ledger)


def _without_accounts(record: Record) -> Record:
    venue = record.venue
    if venue is not None:
        venue = dataclasses.replace(venue, exposure=None)
    return dataclasses.replace(record, haircut=None, venue=venue)


def _where_active(
    active: Bool[Array, ""],
    act: Callable[..., tuple[Any, Any, Record, RESULTS]],
    world: AbstractWorld[Any, Any, Any],
    begun: Any,
    state: Any,
    index: Index,
) -> tuple[Any, Any, Record, RESULTS]:
    """Skips what a quiet round does not need, and learning where nothing was owed."""
    shape = jax.eval_shape(act, begun, state, index)[2]

    def acts() -> tuple[Any, Any, Record, RESULTS]:
        after, learned, done, failure = act(begun, state, index)
        owed = done.deficit > 0
        learned = jax.tree.map(partial(jnp.where, owed), learned, state)
        # A lane that is quiet while others act has the record of a quiet round.
        _, nothing = world.rest(begun, shape)
        done = jax.tree.map(partial(jnp.where, active), done, nothing)
        failure = RESULTS.where(active, failure, RESULTS.successful)
        return after, learned, done, failure

    def rests() -> tuple[Any, Any, Record, RESULTS]:
        after, done = world.rest(begun, shape)
        return after, state, done, RESULTS.successful

    # A quiet lane that acts moves nothing, so that a batch may act together.
    return jax.lax.cond(_in_any_lane(active), acts, rests)


@jax.custom_batching.custom_vmap
def _in_any_lane(active: Bool[Array, ""]) -> Bool[Array, ""]:
    """Whether any scenario of a batch is active: one answer under `jax.vmap`.

    A condition that differs between lanes would make every lane compute both branches in
    every round.
    """
    return active


@_in_any_lane.def_vmap
def _in_any_lane_of_batch(
    axis_size: int, in_batched: Any, active: Bool[Array, " lanes"]
) -> tuple[Bool[Array, ""], bool]:
    del axis_size, in_batched
    return _in_any_lane(active.any()), False
