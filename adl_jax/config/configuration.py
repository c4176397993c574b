"""The whole configuration of a Monte Carlo run, validated."""

from collections.abc import Mapping
from math import ceil, log1p
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from adl_jax.config.policies import PolicySection, usual_policies
from adl_jax.config.problems import Fault, faults, short
from adl_jax.config.sections import (
    BookSection,
    CrashSection,
    MarketSection,
    OrderBookSection,
    PathReturns,
    Section,
    Seed,
    eight_markets,
    key,
)
from adl_jax.config.train import TrainSection
from adl_jax.config.venue import VenueSection
from adl_jax.scenario.tilted import tilted_rate


ZERO = "zero"
"""The policy that does nothing, which every run has."""


class Configuration(Section):
    """Everything that a run depends on. The defaults are the scenario `default`."""

    scenarios: Annotated[int, Field(ge=1, le=1_000_000_000)] = key(
        "how many scenarios", 1000
    )
    seed: Seed = key("scenario i depends on the seed and on i alone", 0)
    dtype: Literal["float32", "float64"] = key(
        "precision of all amounts; float64 is slower and needs jax_enable_x64",
        "float32",
    )
    rounds: Annotated[int, Field(ge=1, le=10_000)] = key("rounds of a crash", 16)
    book: BookSection = key("accounts and positions", BookSection())
    order_book: OrderBookSection = key("what the markets take", OrderBookSection())
    crash: CrashSection = key("what happens to the markets", CrashSection())
    venue: VenueSection = key("the rules", VenueSection())
    markets: Annotated[
        tuple[MarketSection, ...], Field(strict=False, min_length=1, max_length=1000)
    ] = Field(
        default_factory=eight_markets,
        description="the markets, all of them anew if one is given",
    )
    policies: Annotated[
        tuple[PolicySection, ...], Field(strict=False, max_length=100)
    ] = Field(
        default_factory=usual_policies,
        description=f"what is compared; `{ZERO}`, which does nothing, is always there",
    )
    train: TrainSection | None = key("what `adl-jax train` learns", None)

    @model_validator(mode="after")
    def _parts_agree(self) -> "Configuration":
        found = [
            *repeated({"markets": self.markets, "policies": self.policies}),
            *self._accounts(),
            *self._own_book(),
            *self._returns(),
            *self._contracts(),
        ]
        if found:
            raise faults(found)
        return self

    def _accounts(self) -> list[Fault]:
        if self.book.folder is not None:
            return []
        makers, accounts = len(self.markets), self.book.accounts
        winners = round(self.book.winner_share * (accounts - makers))
        if 0 < winners < accounts - makers:
            return []
        problem = (
            f"{accounts} accounts with {makers} market makers and winner_share "
            f"{self.book.winner_share:g} leave no winners or no losers"
        )
        return [Fault(("book", "accounts"), problem, "give more accounts")]

    def _own_book(self) -> list[Fault]:
        book = self.book
        if book.folder is None:
            problem = "has no effect: there is no folder"
            fix = "remove it, or give folder"
            return [] if book.balanced else [Fault(("book", "balanced"), problem, fix)]
        # What a file says and a run ignores is worse than an error.
        given: list[tuple[str, ...]] = [
            ("book", name)
            for name, field in type(book).model_fields.items()
            if name not in ("folder", "balanced")
            and getattr(book, name) != field.get_default(call_default_factory=True)
        ]
        rules = self.venue
        fund = type(rules).model_fields["fund_usd_per_account"].default
        if rules.fund_usd_per_account != fund:
            given.append(("venue", "fund_usd_per_account"))
        if self.markets != eight_markets():
            given.append(("markets",))
        problem = "has no effect: the folder's book has it"
        return [Fault(place, problem, "remove it") for place in given]

    def _returns(self) -> list[Fault]:
        returns = self.crash.returns
        if isinstance(returns, PathReturns):
            count = len(returns.weight_of_rounds)
            if count == self.rounds:
                return []
            problem = f"has {count} numbers for {self.rounds} rounds"
            place = ("crash", "returns", "weight_of_rounds")
            return [Fault(place, problem, "give one number a round")]
        expected = returns.expected_batches(self.rounds)
        spread = expected**0.5 / (1 - returns.batches.branching)
        needed = ceil(expected + 4 * spread)  # Four standard deviations.
        tilt = returns.tilt
        if tilt is not None and returns.fall > 0:
            eta = -tilt.strength * log1p(-returns.fall) / expected
            if tilted_rate(returns.batches.build(), eta) is None:
                problem = (
                    f"value {tilt.strength:g}, too strong: batches would trigger each "
                    "other without end"
                )
                place = ("crash", "returns", "tilt", "strength")
                return [Fault(place, problem, "write 10.0 or another lower number")]
        if needed <= returns.batches.most:
            return []
        problem = (
            f"value {returns.batches.most}, too few for {self.rounds} rounds: "
            f"{expected:.0f} batches are expected, and some crashes have {needed}"
        )
        fix = f"write most = {needed}, or lower the rate of batches"
        return [Fault(("crash", "returns", "batches", "most"), problem, fix)]

    def _contracts(self) -> list[Fault]:
        if self.venue.settles_in == "pnl":
            return []
        problem = "cannot allocate contracts, in which this venue settles"
        fix = (
            'write settlement = "pnl" in [venue], or use a severity with allocation '
            '"queue", "pro_rata", "leverage_weighted" or "random_order"'
        )
        return [
            Fault(("policies", index), f"{policy.name!r} {problem}", fix)
            for index, policy in enumerate(self.policies)
            if not policy.build().allocates_contracts
        ]


def repeated(data: Mapping[str, Any]) -> list[Fault]:
    """Names of markets and policies that are there already, in data valid or not."""
    found = []
    for section, taken in {"markets": (), "policies": (ZERO,)}.items():
        rows = data.get(section, ())
        seen = set(taken)
        for index, row in enumerate(rows if isinstance(rows, list | tuple) else ()):
            name = row.get("name") if isinstance(row, dict) else getattr(row, "name", 0)
            if not isinstance(name, str):
                continue
            # Some file systems do not tell cases apart.
            folded = name.casefold()
            if folded in seen:
                problem = f"value {short(name)}, there already"
                fix = (
                    "remove it: every run has the policy that does nothing"
                    if folded in taken
                    else "give each its own name"
                )
                found.append(Fault((section, index, "name"), problem, fix))
            seen.add(folded)
    return found
