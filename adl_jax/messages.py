"""The typed messages between a venue's round and a policy, and who may see what."""

import dataclasses
import enum
from collections.abc import Iterator
from typing import Any, TypeVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from adl_jax._types import Index, PerAccount, PerMarket, Scalar
from adl_jax.brief import brief, count, usd
from adl_jax.result import RESULTS


class Information(enum.Enum):
    """What a policy may see. The loop sets every other field of a message to `None`."""

    deficit = "deficit"
    """The paper's literal rule: deficit, capacities, clock and past outcomes."""
    notional = "notional"
    """Also this round's close-outs by market, as they accrue, after the commitment."""
    hindsight = "hindsight"
    """Also the realised needed budget; a reference, through `Hindsight` alone."""
    observed = "observed"
    """Nothing: the row is what somebody did, through `Recorded` alone."""

    @property
    def ex_ante(self) -> bool:
        """Whether a venue could act on this when the round starts."""
        return self in (Information.deficit, Information.notional)


class Observation(eqx.Module):
    """One round as it can be seen. Money in USD; `None` is what a policy may not see.

    **Fields:**

    - `round`: shape `()`, the round's index from 0.
    - `elapsed_ms`: shape `()`, milliseconds from the first round's start to this one's.
    - `deficit`: shape `()`, USD owed by insolvent accounts, >= 0, see section 2.6.
    - `capacity_total`: shape `()`, USD, U_t of section 2.6: what winners could pay.
    - `capacity`: shape `(accounts,)`, USD, u_i >= 0; 0 for an account that is no
        winner.
    - `score`: shape `(accounts,)`, the venue's rank, highest is closed first.
    - `leverage`: shape `(accounts,)`, notional over equity.
    - `lot_value`: shape `(accounts,)`, USD of haircut in one lot.
    - `market`: shape `(markets,)`, the markets' indices.
    - `max_leverage`: shape `(markets,)`, the venue's published leverage limits.
    - `closeout_quantity`: shape `(markets,)`, contracts closed out this round, >= 0.
    - `closeout_notional`: shape `(markets,)`, their USD value. Not shown to `commit`.
    - `expected_needed`: shape `()`, USD, the estimate (5), (20) at the venue's own
        prices.
    - `needed`: shape `()`, USD, the realised benchmark (6), (19).
    - `signals`: any module of further signals seen at the start of the round.
    - `group`: int, shape `(accounts,)`, where a venue settles in contracts: the last
        axis then runs over positions, capacities are contracts, `lot_value` is contracts
        in a lot, and every group of them (a market and side) has a budget of its own.
    """

    round: Index | None = None
    elapsed_ms: Scalar | None = None
    deficit: Scalar | None = None
    capacity_total: Scalar | None = None
    capacity: PerAccount | None = None
    score: PerAccount | None = None
    leverage: PerAccount | None = None
    lot_value: PerAccount | None = None
    market: Int[Array, " markets"] | None = None
    max_leverage: PerMarket | None = None
    closeout_quantity: PerMarket | None = None
    closeout_notional: PerMarket | None = None
    expected_needed: Scalar | None = None
    needed: Scalar | None = None
    signals: Any = None
    group: Int[Array, " accounts"] | None = None


class Commitment(eqx.Module):
    """How much a policy will raise, fixed before this round's close-outs are shown.

    Exactly one of the two is given.

    **Fields:**

    - `budget`: shape `()`, USD.
    - `rate`: shape `()` or `(markets,)`, USD per USD closed out; the budget accrues
        with the close-outs, so that a rate looks nothing up that is not there yet.
    - `concentration`: shape `()`, the largest haircut fraction, for recorded rows whose
        haircuts are not known account by account.
    """

    budget: Scalar | None = None
    rate: Scalar | PerMarket | None = None
    concentration: Scalar | None = None

    def __check_init__(self):
        """Refuses a commitment to both or to neither."""
        if (self.budget is None) == (self.rate is None):
            raise ValueError("a Commitment takes a budget or a rate: give exactly one")


class Outcome(eqx.Module):
    """What becomes known when the round is over.

    **Fields:**

    - `needed`: shape `()`, USD, the ex post benchmark (6), (19).
    - `closeout_gap`: shape `(markets,)`, USD, its part in each market.
    """

    needed: Scalar
    closeout_gap: PerMarket | None = None


class Record(eqx.Module):
    """One finished round: what was committed, executed, and needed. USD, all >= 0.

    **Fields:**

    - `commitment`: the policy's `Commitment`, as it made it.
    - `deficit`, `capacity_total`: shape `()`, D_t and U_t.
    - `budget`: shape `()`, B_t after the loop's limits.
    - `executed`: shape `()`, H_t, the sum of the haircuts.
    - `needed`: shape `()`, the ex post benchmark (6).
    - `undershoot`: shape `()`, (needed - executed)+.
    - `overshoot`: shape `()`, (executed - needed - carried)+.
    - `concentration`: shape `()`, max_i of x_i / u_i; `None` where it is not known.
    - `haircut`: shape `(accounts,)`, x_i; `None` in rounds without accounts.
    - `closeout_notional`, `closeout_gap`: shape `(markets,)`, what was closed out and
        what of `needed` it caused.
    - `venue`: what happened to a simulated venue (`VenueRecord`); never shown to
        policies.
    """

    commitment: Commitment
    deficit: Scalar
    capacity_total: Scalar
    budget: Scalar
    executed: Scalar
    needed: Scalar
    undershoot: Scalar
    overshoot: Scalar
    concentration: Scalar | None = None
    haircut: PerAccount | None = None
    closeout_notional: PerMarket | None = None
    closeout_gap: PerMarket | None = None
    venue: Any = None

    def __repr__(self) -> str:
        """How many rounds, how many with a deficit, sums of money, and dtype."""
        return brief(self, self.deficit, 1, self._said)

    def _said(self) -> Iterator[str]:
        yield count(self.deficit.shape[0], "round")
        yield f"{np.count_nonzero(self.deficit)} with a deficit"
        yield f"needed {usd(self.needed)}"
        yield f"raised {usd(self.executed)}"
        yield f"short by {usd(self.undershoot)}"
        yield str(self.deficit.dtype)


class Trajectory(eqx.Module):
    """What `replay` and `simulate` return.

    **Fields:**

    - `records`: `Record`s with a leading axis of rounds.
    - `state`: the policy's final state.
    - `status`: the first failure in any round, or success.
    - `ledger`: of a simulated venue, who holds what in the end (`settle.Ledger`).
    """

    records: Record
    state: Any
    status: RESULTS
    ledger: Any = None

    def __repr__(self) -> str:
        """The records in a line, how it ended, and of a venue what stayed unpaid."""
        return brief(self, self.records.deficit, 1, self._said)

    def _said(self) -> Iterator[str]:
        *said, dtype = self.records._said()
        yield from said
        if self.ledger is not None:
            yield f"equity {usd(self.records.venue.solvency[-1])} in the end"
            yield f"unpaid {usd(self.ledger.debt)}"
        yield dtype
        yield str(RESULTS[self.status]) or "successful"


_ROUND_START = {
    *("round", "elapsed_ms", "deficit", "capacity_total", "capacity", "score"),
    *("leverage", "lot_value", "signals", "group"),
}
_MARKETS = {"market", "max_leverage"}
_CLOSEOUTS = {"closeout_quantity", "closeout_notional"}
_VISIBLE = {
    Information.deficit: _ROUND_START,
    Information.notional: _ROUND_START | _MARKETS | _CLOSEOUTS | {"expected_needed"},
    Information.hindsight: {field.name for field in dataclasses.fields(Observation)},
    Information.observed: set[str](),
}
_Message = TypeVar("_Message", Observation, Record)


def _hide(message: _Message, hidden: set[str]) -> _Message:
    return dataclasses.replace(message, **dict.fromkeys(hidden))


def visible(observation: Observation, information: Information) -> Observation:
    """Keeps the fields of an observation that an information set allows.

    **Arguments:**

    - `observation`: everything there is about the round.
    - `information`: the policy's declared set.

    **Returns:** the observation with every other field `None`, at trace time.
    """
    names = {field.name for field in dataclasses.fields(Observation)}
    return _hide(observation, names - _VISIBLE[information])


def before_closeouts(observation: Observation) -> Observation:
    """Hides this round's close-outs: what `commit` is given in every information
    set.
    """
    return _hide(observation, _CLOSEOUTS)


def visible_record(record: Record, information: Information) -> Record:
    """Keeps the fields of a past round that an information set allows to learn from."""
    if information is Information.deficit:
        return _hide(record, {"closeout_notional", "closeout_gap", "venue"})
    return _hide(record, {"venue"})


def severity_needed(
    needed: Float[Array, "*rounds"], deficit: Float[Array, "*rounds"]
) -> Float[Array, "*rounds"]:
    """The severity that would have been right, min(1, needed / deficit).

    The comparator of Proposition 1, with the paper's regulariser at zero.

    **Arguments:** `needed`, `deficit`: same shape, USD, >= 0.

    **Returns:** same shape, in [0, 1]; 0 where the deficit is 0.

    **Differentiability:** almost everywhere; finite at a deficit of 0.
    """
    some = deficit > 0
    share = jnp.where(some, needed, 0) / jnp.where(some, deficit, 1)
    return jnp.minimum(share, 1)
