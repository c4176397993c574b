"""One live decision: who pays now, in whole lots, with the reason for every line."""

import dataclasses
import hashlib
import json
from importlib.metadata import version
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from adl_jax._types import Key, PerAccount, PerGroup, Scalar, as_dtype
from adl_jax.adl_round import Decision, decide, information_of
from adl_jax.allocation import integer_pro_rata
from adl_jax.allocator import (
    AbstractAllocation,
    EqualShare,
    LeverageWeighted,
    ProRata,
    Queue,
    RandomOrder,
    allocations,
)
from adl_jax.config.problems import nearest
from adl_jax.execute import haircut_of
from adl_jax.fingerprint import fingerprint
from adl_jax.inert import quoted
from adl_jax.io import Snapshot
from adl_jax.liquidate import Shock, liquidate, margin
from adl_jax.messages import Observation, before_closeouts, visible
from adl_jax.policy import AbstractPolicy, Policy
from adl_jax.registry import plugin_versions
from adl_jax.resolve import Round, observe
from adl_jax.result import RESULTS, InputError
from adl_jax.settle import open_ledger
from adl_jax.severity import severities
from adl_jax.vector import vector_policies
from adl_jax.venue import Fund, Venue


class Line(NamedTuple):
    """What one account, or one position of it, has to give.

    `market`, `side`, `position`, `close`, `lots` and `price` are `None` where profit is
    taken and no contracts are closed; `lots` also where the venue knows none, or where a
    position is closed in full that is no whole number of them. Contracts and USD; `share`
    is the haircut over the account's profit, `None` where it has none.
    """

    account: str
    market: str | None
    side: str | None
    position: float | None
    close: float | None
    lots: int | None
    price: float | None
    profit_usd: float
    haircut_usd: float
    share: float | None
    reason: str


class Owing(NamedTuple):
    """An account without equity, and what it owes at the mark. USD."""

    account: str
    owed_usd: float


@dataclasses.dataclass(frozen=True)
class LiveDecision:
    """What a policy decides for a snapshot.

    **Fields:**

    - `lines`: who gives what, the largest haircut first; nobody who gives nothing.
    - `insolvent`: who owes, the most first.
    - `totals`: USD: `owed` at the mark, `fund_pays` of it, the `deficit` that is left or
        was given, the winners' `capacity`, the policy's `budget`, what is `raised`, what
        stays `unpaid`; and how many `winners` there are and are `touched`.
    - `status`: "successful", or what could not be kept to.
    - `audit`: what was decided on; `audit["sha256"]` is the hash of the rest of it.
    """

    lines: tuple[Line, ...]
    insolvent: tuple[Owing, ...]
    totals: dict[str, float]
    status: str
    audit: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "audit": self.audit,
            "status": self.status,
            "totals": self.totals,
            "lines": [line._asdict() for line in self.lines],
            "insolvent": [one._asdict() for one in self.insolvent],
        }


def decide_now(
    snapshot: Snapshot,
    policy: AbstractPolicy,
    *,
    venue: Venue | None = None,
    deficit: float | None = None,
) -> LiveDecision:
    r"""Decides one round on a venue as it stands, at the marks given.

    The accounts without equity at the marks are closed out in full, and
    $D=(\sum_i(-e_i)_+-F)_+$ is what they owe beyond the fund (section 2.6). Nothing is
    assumed to be sold on the order book first, and no price moves. The policy acts as in
    the first round of `simulate`, within the same limits (`adl_round.decide`); one that
    learns has not learnt anything yet.

    Where the venue settles in `contracts` and lots are given, contracts are whole lots:
    pro rata by largest remainders (`allocation.integer_pro_rata`), other allocations
    rounded down, so that less than a lot of a market and side may stay open. A position
    that is closed in full may be no whole number of lots.

    **Arguments:**

    - `snapshot`: a `Snapshot`.
    - `policy`: an `AbstractPolicy`.
    - `venue`: the rules; the snapshot's margin tiers and fund replace its own, and it has
        no vault or pool here. The paper's rules if not given: profit is taken.
    - `deficit`: USD that are missing after the fund, where the venue knows better.

    **Returns:** a `LiveDecision`; the same one for the same arguments, on every run.

    **Raises:** `InputError` for a deficit that is no amount; for one that is to be closed
    in contracts when nobody is without equity; for a policy that cannot act here.

    **Cost:** one round on the book, computed once: seconds for 500,000 positions.

    **Example:**

    ```python
    >>> import adl_jax
    >>> from adl_jax.io import example
    >>> from adl_jax.live import decide_now, policy_named
    >>> decision = decide_now(example(), policy_named("pro_rata"))
    >>> round(decision.totals["deficit"]), round(decision.totals["unpaid"])
    (9000, 0)
    >>> decision.lines[0].account
    'whale'

    ```
    """
    if deficit is not None and not (np.isfinite(deficit) and deficit >= 0):
        raise InputError(f"deficit is {deficit}: give USD, 0 or more")
    rules = _rules(snapshot, venue)
    now, seen = _observed(snapshot, rules)
    if deficit is not None:
        if now.offer is not None and deficit > 0 and not float(now.offer.gross) > 0:
            raise InputError(
                f"deficit is {deficit:g}, but nobody is without equity at these marks, "
                "so that there are no contracts to close; fix: give the marks at which "
                "they are, or a venue with settlement 'pnl'"
            )
        seen = dataclasses.replace(seen, deficit=jnp.asarray(deficit, now.profit.dtype))
    acting = _in_whole_lots(as_dtype(policy, now.profit.dtype), now)
    information = information_of(acting)
    state = acting.init(before_closeouts(visible(seen, information)))
    key = jax.random.key(0)
    done = decide(acting, information, state, seen, key=key, offer=now.offer)
    haircut = done.haircut
    if done.contracts is not None:
        haircut = haircut_of(now, done.contracts)
    if haircut is None:
        raise InputError(
            f"{type(policy).__name__} decides how much, but not who; fix: give a policy "
            "with an allocation"
        )
    lines = _lines(snapshot, policy, now, seen, done, np.asarray(haircut, float))
    return LiveDecision(
        lines=lines,
        insolvent=_owing(snapshot, now),
        totals=_totals(now, seen, done, lines, given=deficit is not None),
        status=str(RESULTS[done.status]) or "successful",
        audit=_audit(snapshot, policy, rules, deficit, now.profit.dtype),
    )


def policy_named(name: str) -> AbstractPolicy:
    """A policy by name.

    **Arguments:** `name`: an allocation, such as `queue` or `pro_rata`, which then raises
    the whole deficit; `SEVERITY/ALLOCATION`, such as `deficit_learner/queue`; or a joint
    policy, such as `vector_entropic`.

    **Raises:** `InputError` naming what there is.
    """
    if name in vector_policies:
        return vector_policies[name]()
    severity, _, allocation = name.rpartition("/")
    severity = severity or "full"
    if severity not in severities:
        raise InputError(
            f"no severity is called {quoted(severity)}; "
            f"fix: {nearest(severity, severities)}"
        )
    if allocation not in allocations:
        known = [*allocations, *vector_policies]
        raise InputError(
            f"no policy is called {quoted(allocation)}; fix: {nearest(allocation, known)}"
        )
    return Policy(severities[severity](), allocations[allocation]())


class _WholeLots(AbstractAllocation):
    """Pro rata in whole lots within each group; not for traced budgets."""

    by_group = True

    def __call__(
        self, observation: Observation, budget: Scalar | PerGroup, *, key: Key
    ) -> PerAccount:
        del key
        capacity, lot, group = (
            observation.capacity,
            observation.lot_value,
            observation.group,
        )
        assert capacity is not None
        assert lot is not None
        assert group is not None
        closed = jnp.zeros_like(capacity)
        # What rounding alone keeps below a whole number of lots is that number.
        budget = budget * (1 + 8 * jnp.finfo(capacity.dtype).eps)
        # Few groups have close-outs, of all markets and sides.
        for number in np.flatnonzero(np.asarray(budget)).tolist():
            inside = jnp.where(group == number, capacity, 0)
            closed = closed + integer_pro_rata(inside, budget[number], lot)
        return closed


def _in_whole_lots(policy: AbstractPolicy, now: Round) -> AbstractPolicy:
    lots = now.offer is not None and now.offer.lot is not None
    if lots and type(policy) is Policy and type(policy.allocation) is ProRata:
        return Policy(policy.severity, _WholeLots())
    return policy


def _rules(snapshot: Snapshot, venue: Venue | None) -> Venue:
    rules = snapshot.venue(venue)
    fund = Fund(snapshot.fund, floor=rules.fund.floor, most=rules.fund.most)
    rules = dataclasses.replace(
        rules, fund=fund, vault=None, pool=None, closes_out="insolvent"
    )
    return as_dtype(rules, jnp.result_type(float))


def _observed(snapshot: Snapshot, rules: Venue) -> tuple[Round, Observation]:
    """The round as it stands: marks do not move and the order book takes nothing."""
    book, market = snapshot.book(), snapshot.market()
    nothing = jnp.zeros_like(market.mark)
    shock = Shock(log_return=nothing, impact=market.impact, depth=nothing)
    ledger = open_ledger(book, market, rules)
    stands = margin(ledger, market, rules)
    done = liquidate(ledger, market, rules, shock, stands)
    return observe(shock, done, market, rules, jnp.zeros((), jnp.result_type(int)))


def _lines(
    snapshot: Snapshot,
    policy: AbstractPolicy,
    now: Round,
    seen: Observation,
    done: Decision,
    haircut: np.ndarray,
) -> tuple[Line, ...]:
    profit = np.asarray(now.profit, float)
    if done.contracts is None:
        score = np.asarray(seen.score, float)
        reasons = _Reasons(policy, score, np.asarray(seen.capacity, float))
        rows = [
            Line(
                account=snapshot.accounts[i],
                market=None,
                side=None,
                position=None,
                close=None,
                lots=None,
                price=None,
                profit_usd=float(profit[i]),
                haircut_usd=float(haircut[i]),
                share=_share(float(haircut[i]), float(profit[i])),
                reason=reasons.of(i, float(haircut[i] / reasons.capacity[i])),
            )
            for i in np.flatnonzero(haircut > 0).tolist()
        ]
    else:
        rows = _closes(snapshot, policy, now, np.asarray(done.contracts, float))
    rows.sort(key=lambda line: (-line.haircut_usd, line.account, line.market or ""))
    return tuple(rows)


def _closes(
    snapshot: Snapshot, policy: AbstractPolicy, now: Round, contracts: np.ndarray
) -> list[Line]:
    offer = now.offer
    assert offer is not None
    score, capacity, group = (
        np.asarray(values) for values in (offer.score, offer.capacity, offer.group)
    )
    profit = np.asarray(now.profit, float)
    price = np.asarray(offer.price, float).reshape(-1)[group]
    loss = np.sign(snapshot.size) * (snapshot.mark[snapshot.market_of] - price)
    reasons = _Reasons(policy, score, capacity, group)
    rows = []
    for i in np.flatnonzero(contracts > 0).tolist():
        account = snapshot.account_of[i]
        rows.append(
            Line(
                account=snapshot.accounts[account],
                market=snapshot.markets[snapshot.market_of[i]],
                side="long" if snapshot.size[i] > 0 else "short",
                position=float(snapshot.size[i]),
                close=_plain(contracts[i]),
                lots=_lots(snapshot, i, float(contracts[i])),
                price=float(price[i]),
                profit_usd=float(profit[account]),
                haircut_usd=float(contracts[i] * loss[i]),
                share=_share(float(contracts[i] * loss[i]), float(profit[account])),
                reason=reasons.of(i, float(contracts[i] / capacity[i])),
            )
        )
    return rows


def _share(haircut: float, profit: float) -> float | None:
    return haircut / profit if profit > 0 else None


def _plain(contracts: float) -> float:
    """Without the last bits, which a product of lots leaves."""
    return float(f"{contracts:.12g}")


def _lots(snapshot: Snapshot, place: int, contracts: float) -> int | None:
    if snapshot.lot is None:
        return None
    lots = contracts / float(snapshot.lot[snapshot.market_of[place]])
    return round(lots) if abs(lots - round(lots)) < 1e-6 else None


_WORDS: dict[type, str] = {
    ProRata: "pro rata, the same part from everybody",
    LeverageWeighted: "in proportion to leverage",
    EqualShare: "the same amount from everybody who has it",
    RandomOrder: "in an order drawn by lot",
}


class _Reasons:
    """Why somebody gives what it gives, in words."""

    def __init__(
        self,
        policy: AbstractPolicy,
        score: np.ndarray,
        capacity: np.ndarray,
        group: np.ndarray | None = None,
    ):
        """Ranks everybody who can give by score, within each group."""
        self.capacity = capacity
        self._allocation = policy.allocation if type(policy) is Policy else policy
        group = np.zeros(capacity.size, int) if group is None else group
        self._rank, self._of = (
            np.zeros(capacity.size, int),
            np.zeros(capacity.size, int),
        )
        for one in np.unique(group[capacity > 0]).tolist():
            who = np.flatnonzero((group == one) & (capacity > 0))
            order = who[np.argsort(-score[who], kind="stable")]
            self._rank[order] = np.arange(1, order.size + 1)
            self._of[order] = order.size
        self._score = score

    def of(self, place: int, part: float) -> str:
        """The reason of one line; `part`: what is taken of what it could give."""
        if isinstance(self._allocation, Queue):
            taken = (
                "all of it" if part > 1 - 1e-9 else f"{part:.2%}, where the queue ends"
            )
            return (
                f"number {self._rank[place]:,} of {self._of[place]:,} in the queue, score "
                f"{self._score[place]:.6g}: {taken}"
            )
        name = type(self._allocation)
        return f"{_WORDS.get(name, name.__name__)}: {part:.2%} of what it can give"


def _owing(snapshot: Snapshot, now: Round) -> tuple[Owing, ...]:
    equity = np.asarray(now.liquidation.equity, float)
    who = np.flatnonzero(np.asarray(now.liquidation.insolvent))
    rows = [Owing(snapshot.accounts[i], float(-equity[i])) for i in who.tolist()]
    return tuple(sorted(rows, key=lambda one: (-one.owed_usd, one.account)))


def _totals(
    now: Round,
    seen: Observation,
    done: Decision,
    lines: tuple[Line, ...],
    *,
    given: bool,
) -> dict[str, float]:
    equity = np.asarray(now.liquidation.equity, float)
    owed = float(-equity[np.asarray(now.liquidation.insolvent)].sum()) + 0.0
    assert seen.deficit is not None
    assert seen.capacity is not None
    deficit = float(seen.deficit)
    raised = sum(line.haircut_usd for line in lines)
    winners = np.asarray(seen.capacity) > 0
    if now.offer is not None:
        # Some rules also close winning positions of accounts without profit.
        book = now.liquidation.ledger.book
        winners = np.asarray(book.by_account(now.offer.capacity)) > 0
    return {
        "owed": owed,
        "fund_pays": 0.0 if given else owed - deficit,
        "deficit": deficit,
        "capacity": float(np.asarray(seen.capacity, float).sum()),
        "budget": float(done.budget),
        "raised": raised,
        "unpaid": max(deficit - raised, 0.0),
        "winners": int(winners.sum()),
        "touched": len({line.account for line in lines}),
    }


def _audit(
    snapshot: Snapshot,
    policy: AbstractPolicy,
    rules: Venue,
    deficit: float | None,
    dtype: Any,
) -> dict[str, Any]:
    inputs = {
        "snapshot_sha256": snapshot.sha256(),
        "policy": fingerprint(policy),
        "rules": fingerprint(rules),
        "settlement": rules.settlement,
        "deficit_given": deficit,
        "dtype": str(dtype),
        "versions": {name: version(name) for name in ("adl-jax", "jax", "jaxlib")}
        | plugin_versions(policy, rules),
    }
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return {**inputs, "sha256": hashlib.sha256(text.encode()).hexdigest()}
