"""What a policy acts on: a past that is given, or a venue that reacts."""

import abc
import dataclasses
from typing import Any, Generic, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from adl_jax._sums import largest, sum_of
from adl_jax._types import Index, Key
from adl_jax.adl_round import Decision, record
from adl_jax.book import Book
from adl_jax.execute import execute, haircut_of
from adl_jax.liquidate import Margin, Shock, liquidate, margin, price_after, strike
from adl_jax.market import Market, Shocks
from adl_jax.messages import Observation, Outcome, Record
from adl_jax.projection._multiplier import ratio
from adl_jax.relieve import relieve_pool
from adl_jax.resolve import Offer, Round, observe
from adl_jax.rounds import Rounds
from adl_jax.settle import Ledger, at_places, levels, open_ledger
from adl_jax.venue import Venue


State = TypeVar("State")
Begun = TypeVar("Begun")
Pending = TypeVar("Pending")


class AbstractWorld(eqx.Module, Generic[State, Begun, Pending]):
    """Where rounds come from. One loop runs them all, in this order of calls."""

    @abc.abstractmethod
    def start(self) -> State:
        """The state before the first round."""

    @abc.abstractmethod
    def inputs(self) -> Any:
        """What each round is given, with a leading axis of rounds."""

    @abc.abstractmethod
    def begin(self, state: State, now: Any) -> tuple[Begun, Bool[Array, ""] | None]:
        """Starts a round; says whether anything is to be done in it, `None` for always."""

    @abc.abstractmethod
    def observe(self, begun: Begun, index: Index) -> tuple[Pending, Observation]:
        """Everything there is to see before the decision."""

    @abc.abstractmethod
    def offer(self, pending: Pending) -> Offer | None:
        """What winners can close, where the venue settles in contracts."""

    @abc.abstractmethod
    def settle(
        self,
        pending: Pending,
        observation: Observation,
        decision: Decision,
        *,
        key: Key,
    ) -> tuple[State, Record]:
        """Carries the decision out."""

    @abc.abstractmethod
    def rest(self, begun: Begun, like: Record) -> tuple[State, Record]:
        """The state after a round in which nothing was to be done, and its record.

        **Arguments:** `like`: the shapes and dtypes of a record.
        """


class Past(AbstractWorld[None, Any, Outcome]):
    """Given rounds, which do not react (the fixed trajectory of section 5)."""

    rounds: Rounds

    def start(self) -> None:
        """Nothing is carried over: it is in the given deficits."""

    def inputs(self) -> tuple[Observation, Outcome]:
        """Observations and outcomes."""
        return self.rounds.observations(), self.rounds.outcomes()

    def begin(self, state: None, now: Any) -> tuple[Any, None]:
        """Every given round counts."""
        del state
        return now, None

    def observe(self, begun: Any, index: Index) -> tuple[Outcome, Observation]:
        """The given observation."""
        del index
        observation, outcome = begun
        return outcome, observation

    def offer(self, pending: Outcome) -> None:
        """Past rounds are settled in money."""
        del pending

    def settle(
        self,
        pending: Outcome,
        observation: Observation,
        decision: Decision,
        *,
        key: Key,
    ) -> tuple[None, Record]:
        """Compares with what was needed."""
        del key
        return None, record(
            observation, decision, pending, jnp.zeros_like(pending.needed)
        )

    def rest(self, begun: Any, like: Record) -> tuple[None, Record]:
        """Never asked."""
        del begun
        return None, zeros(like)


class Struck(NamedTuple):
    """A venue after the shock."""

    ledger: Ledger
    shock: Shock
    margin: Margin


class Reacting(AbstractWorld[Ledger, Struck, Round]):
    """A venue that liquidates, deleverages and goes on from there (section 4)."""

    book: Book
    market: Market
    venue: Venue
    shocks: Shocks

    def start(self) -> Ledger:
        """The book as it is given."""
        return open_ledger(self.book, self.market, self.venue)

    def inputs(self) -> Shock:
        """The path, with the market's slopes and depths where it has none."""
        shocks, shape = self.shocks, self.shocks.log_return.shape
        flat = lambda value: jnp.broadcast_to(value, shape)
        return Shock(
            log_return=shocks.log_return,
            impact=flat(self.market.impact) if shocks.impact is None else shocks.impact,
            depth=flat(self.market.depth) if shocks.depth is None else shocks.depth,
            funding=shocks.funding,
            basis=shocks.basis,
        )

    def begin(self, state: Ledger, now: Shock) -> tuple[Struck, Bool[Array, ""]]:
        """Moves the marks; a round is quiet when nobody is under margin and no debt is
        open.
        """
        # Who has which position never changes. Taken from here and not from the state, a
        # reverse pass keeps it once and not for every round.
        state = at_places(state, self.book)
        ledger = strike(state, self.market, self.venue, now)
        if self.venue.pool is not None:
            ledger = relieve_pool(ledger, self.market, self.venue, now)
        stands = margin(ledger, self.market, self.venue)
        active = stands.liquidated.any() | (ledger.debt > 0)
        return Struck(ledger, now, stands), active

    def observe(self, begun: Struck, index: Index) -> tuple[Round, Observation]:
        """Liquidates, and shows what is left."""
        ledger, shock, stands = begun
        done = liquidate(ledger, self.market, self.venue, shock, stands)
        return observe(shock, done, self.market, self.venue, index)

    def offer(self, pending: Round) -> Offer | None:
        """Contracts that winners can close, in `contracts` settlement."""
        return pending.offer

    def settle(
        self,
        pending: Round,
        observation: Observation,
        decision: Decision,
        *,
        key: Key,
    ) -> tuple[Ledger, Record]:
        """Carries the decision out and records it."""
        haircut = decision.haircut
        if decision.contracts is not None:
            haircut = haircut_of(pending, decision.contracts)
        assert haircut is not None
        done = execute(
            pending,
            self.market,
            self.venue,
            haircut,
            decision.contracts,
            key=key,
        )
        decision = decision._replace(
            executed=sum_of(haircut),
            haircut=haircut,
            concentration=largest(ratio(haircut, pending.profit)),
        )
        kept = record(observation, decision, Outcome(done.needed), done.carried)
        return done.ledger, dataclasses.replace(kept, venue=done.record)

    def rest(self, begun: Struck, like: Record) -> tuple[Ledger, Record]:
        """The marks have moved, and nothing else; `capacity_total` is not added up."""
        ledger, empty = begun.ledger, zeros(like)
        nothing = jnp.zeros_like(empty.venue.outside_price)
        venue = dataclasses.replace(
            empty.venue,
            **levels(ledger),
            outside_price=price_after(ledger.mark, begun.shock.impact, nothing),
            solvency=sum_of(begun.margin.equity),
            open_interest=sum_of(begun.margin.notional),
        )
        return ledger, dataclasses.replace(empty, venue=venue)


def zeros(like: Record) -> Record:
    """A record of nothing."""
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like)
