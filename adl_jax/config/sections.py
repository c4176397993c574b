"""What a venue can vary in a Monte Carlo run: one model a table of the file."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from adl_jax.config.problems import Fault, faults, listed, nearest, short
from adl_jax.registry import PluginError, Registry
from adl_jax.scenario.calibration import group, value
from adl_jax.scenario.hawkes import Hawkes
from adl_jax.scenario.named import BETA, MARK, MAX_LEVERAGE, NAMES


# Squares of amounts are summed; nothing in a market comes near this.
LARGEST = 1e15
# float32 rounds these inside the limits that the modules have.
_LEAST, _LEAST_SHARE, _BELOW_ONE = 1e-8, 1e-5, 1 - 1e-5
Amount: TypeAlias = Annotated[float, Field(ge=0, le=LARGEST)]
Positive: TypeAlias = Annotated[float, Field(ge=_LEAST, le=LARGEST)]
Multiple: TypeAlias = Annotated[float, Field(ge=0, le=1e6)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
PositiveShare: TypeAlias = Annotated[float, Field(ge=_LEAST_SHARE, le=1)]
BelowOne: TypeAlias = Annotated[float, Field(ge=0, le=_BELOW_ONE)]
Seed: TypeAlias = Annotated[int, Field(ge=0, lt=2**32)]
"""jax keeps the lower 32 bits of a seed in float32 sessions: larger ones would collide."""
Name: TypeAlias = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*\z", max_length=64)
]
"""Names go into tables, figures and file names."""


class Section(BaseModel):
    """A table of a configuration: nothing unknown, nothing converted, never changed."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        validate_default=True,
        allow_inf_nan=False,
    )


def key(text: str, default: Any = ...) -> Any:
    """A key with its description, and its default if it has one."""
    return Field(default, description=text)


def calibrated(name: str, text: str) -> Any:
    """A key whose default is a calibration constant."""
    return Field(default_factory=lambda: value(name), description=text)


def one_of(registry: Registry, others: Sequence[str] = ()) -> Any:
    """Marks text as one of the names that a registry has, or of `others`."""

    def check(name: str) -> str:
        if name in others:
            return name
        if name not in registry:
            known = [*others, *registry]
            problem = f"value {short(name)}, must be one of {listed(known)}"
            raise faults([Fault((), problem, nearest(name, known))])
        try:
            registry[name]
        except PluginError as error:
            raise faults([Fault((), error.problem, error.fix)]) from error
        return name

    names: list[Any] = [*others, *registry.built_in]
    return Annotated[
        str, AfterValidator(check), Field(json_schema_extra={"names": names})
    ]


class BookSection(Section):
    """Accounts and positions before the crash: drawn, or a book of your own."""

    folder: Annotated[str, Field(min_length=1, max_length=4096)] | None = key(
        "a folder with your own book, from where the command runs; see Your own book",
        None,
    )
    balanced: bool = key("whether longs and shorts of that book have to be equal", True)
    accounts: Annotated[int, Field(ge=1, le=10_000_000)] = key(
        "accounts in a scenario, one market maker a market included", 1000
    )
    one_position_each: bool = key(
        "whether each account has one position; cross-margined books are slower", True
    )
    positions_exponent: Annotated[float, Field(ge=0, le=100)] = calibrated(
        "positions.zeta",
        "otherwise the probability of k positions falls as k to this power",
    )
    winner_share: Share = key("share of the accounts that a fall makes winners", 0.6)
    loser_share: Share = calibrated(
        "loser.open_interest",
        "share of the winners' contracts that levered losers hold; makers hold the rest",
    )
    loser_margin_use_median: PositiveShare = calibrated(
        "loser.margin_use_median",
        "losers' median maintenance margin over equity; near 1 is near liquidation",
    )
    loser_margin_use_log_sd: Annotated[float, Field(ge=1e-3, le=10)] = calibrated(
        "loser.margin_use_log_sd", "its spread, of the logarithm"
    )
    loser_margin_lost: BelowOne = calibrated(
        "loser.margin_lost", "largest share of its margin that a loser has lost before"
    )
    maker_leverage: PositiveShare = key("market makers' notional over equity", 1.0)
    margin_buffer: Annotated[float, Field(ge=1.001, le=1000)] = key(
        "least equity over maintenance margin before the crash", 1.1
    )
    structure_seed: Seed = key("draws who has positions in which market, once", 0)


class MarketSection(Section):
    """One market before the crash."""

    name: Name = key("the market's name, once")
    mark_usd: Annotated[float, Field(ge=_LEAST, le=1e9)] = key(
        "price of a contract, USD"
    )
    depth_usd: Annotated[float, Field(ge=1, le=1e13)] = key(
        "USD within 1 % of mid on one side of the whole venue's order book, normal times"
    )
    open_interest_share: Annotated[float, Field(ge=_LEAST, le=1e6)] = key(
        "weight in the open interest; shares are scaled to sum to 1"
    )
    max_leverage: Annotated[float, Field(ge=1, le=1000)] = key(
        "the venue's leverage limit"
    )
    beta: Annotated[float, Field(ge=-100, le=100)] = key(
        "log fall for each unit of the first market's", 1.0
    )


def eight_markets() -> tuple[MarketSection, ...]:
    """The largest markets of October 10, 2025, as in the named scenarios."""
    depth, weight = group("depth.one_percent"), group("market_share")
    return tuple(
        MarketSection(
            name=name,
            mark_usd=MARK[name],
            depth_usd=depth.get(name, depth["other"]),
            open_interest_share=weight[name],
            max_leverage=leverage,
            beta=float(beta),
        )
        for name, leverage, beta in zip(NAMES, MAX_LEVERAGE, BETA, strict=True)
    )


class OrderBookSection(Section):
    """What the order books take, as multiples of the calibrated market."""

    depth_multiplier: Multiple = key("times every market's depth", 1.0)
    impact_multiplier: Multiple = key(
        "times the slopes that follow from the depths: the last price moves by 1 % for "
        "depth_usd",
        1.0,
    )
    impact_estimate_ratio: Multiple = key(
        "the venue's estimate of a slope over it", 1.0
    )
    permanent_impact: Share = key(
        "share of a round's price impact that stays in the next mark", 0.0
    )
    recovery: Share = key("share of the depth taken in a round that is back next", 0.5)


class BatchesSection(Section):
    """When falls come: a Hawkes process, in which batches trigger each other."""

    base_rate_per_second: Positive = calibrated(
        "hawkes.base_rate", "batches that nothing triggered"
    )
    branching: BelowOne = calibrated(
        "hawkes.branching", "batches that a batch triggers, on average"
    )
    decay_per_second: Positive = calibrated(
        "hawkes.decay", "how fast a batch stops triggering"
    )
    size_log_sd: Annotated[float, Field(ge=1e-3, le=10)] = calibrated(
        "hawkes.mark_log_sd", "spread of the batches' sizes, of the logarithm"
    )
    size_largest: Positive = calibrated(
        "hawkes.mark_largest", "the largest batch over the median one"
    )
    round_seconds: Positive = calibrated("hawkes.round_seconds", "length of a round")
    most: Annotated[int, Field(ge=1, le=100_000)] = key(
        "batches drawn at most; later ones are lost", 256
    )

    def build(self) -> Hawkes:
        """The process."""
        numbers: dict[str, Any] = {
            "base_rate": self.base_rate_per_second,
            "branching": self.branching,
            "decay": self.decay_per_second,
            "mark_log_sd": self.size_log_sd,
            "mark_largest": self.size_largest,
            "round_seconds": self.round_seconds,
        }
        return Hawkes(**numbers, most=self.most)


def _btc_fall() -> float:
    return -value("october10.btc")


class TiltSection(Section):
    """Deep falls drawn more often, each scenario with what it counts for."""

    strength: Annotated[float, Field(ge=1e-3, le=1000)] = key(
        "densities are tilted by about e to this times the first market's log fall; "
        "10 to 15 suits probabilities near 1 % in `default`"
    )
    untilted_share: Annotated[float, Field(ge=0, le=0.99)] = key(
        "share of scenarios drawn as they happen, which bounds weights by one over it",
        0.2,
    )


class FactorReturns(Section):
    """A heavy-tailed factor, clustered volatility, and falls in clustered batches."""

    family: Literal["factor"] = key("which returns", "factor")
    volatility: Share = key(
        "standard deviation of a round's log return where beta is 1", 0.01
    )
    correlation: Share = calibrated("factor.correlation", "of markets, without falls")
    degrees_of_freedom: Annotated[float, Field(ge=2.001, le=1000)] = calibrated(
        "factor.degrees_of_freedom", "of the Student-t factor; fewer are heavier tails"
    )
    reaction: BelowOne = key("of the variance to the last squared return", 0.10)
    persistence: BelowOne = key("of the variance", 0.85)
    fall: BelowOne = Field(
        default_factory=_btc_fall,
        description="the first market's mean fall over the whole crash, a share of its "
        "price; 0 for no falls",
    )
    markets_alike: bool = key("whether all markets move as if beta were 1", False)
    batches: BatchesSection = key("when falls come", BatchesSection())
    tilt: TiltSection | None = key(
        "importance sampling of deep falls; none if the table is not there", None
    )

    def expected_batches(self, rounds: int) -> float:
        """How many batches a crash has on average."""
        given = self.batches
        batches = given.base_rate_per_second * given.round_seconds * rounds
        return batches / (1 - given.branching)

    @model_validator(mode="after")
    def _has_a_variance(self) -> "FactorReturns":
        total = self.reaction + self.persistence
        if total > _BELOW_ONE:
            problem = f"reaction and persistence sum to {total:g}, must be below 1"
            raise faults([Fault(("reaction",), problem, "lower one of them")])
        return self


def october_rounds() -> tuple[float, ...]:
    """Accounts' closes in each of the sixteen rounds of October 10, 2025."""
    return tuple(group("october10.closes").values())


class PathReturns(Section):
    """One designed path in every scenario, with noise that leaves its end where it is."""

    family: Literal["path"] = key("which returns", "path")
    fall: BelowOne = Field(
        default_factory=_btc_fall,
        description="the first market's fall over the whole crash, a share of its price",
    )
    weight_of_rounds: Annotated[tuple[Amount, ...], Field(strict=False)] = Field(
        default_factory=october_rounds,
        description="one number a round: how the log fall is spread over the rounds; "
        "by default as the closes of October 10, 2025",
    )
    noise: Share = key("standard deviation of a round's noise, of the log", 0.01)

    @model_validator(mode="after")
    def _falls_somewhere(self) -> "PathReturns":
        if not sum(self.weight_of_rounds) > 0:
            fault = Fault(
                ("weight_of_rounds",), "must not be all 0", "give one a weight"
            )
            raise faults([fault])
        return self


def _family(data: Any) -> Any:
    if isinstance(data, dict):
        return data.get("family", "factor")
    return getattr(data, "family", "factor")


Returns: TypeAlias = Annotated[
    Annotated[FactorReturns, Tag("factor")] | Annotated[PathReturns, Tag("path")],
    Discriminator(_family),
]


class LiquiditySection(Section):
    """Depth that collapses when the crash begins, and recovers by half-lives."""

    multiplier: PositiveShare = calibrated(
        "depth.multiplier", "share of the depth left in the first round"
    )
    severe_multiplier: PositiveShare = calibrated(
        "depth.severe_multiplier", "the same in a severe crash"
    )
    severe_probability: Share = key("how often a crash is severe", 0.1)
    persistent: PositiveShare = calibrated(
        "depth.persistent", "share of the depth that comes back in the end"
    )
    half_life_rounds: Positive = calibrated(
        "depth.half_life_rounds", "rounds in which half of what is missing comes back"
    )
    impact_power: Annotated[float, Field(ge=0, le=3)] = key(
        "slopes rise as depth to minus this power", 1.0
    )


class CrashSection(Section):
    """What the crash does to the markets."""

    funding_per_round: Annotated[float, Field(ge=-1, le=1)] = key(
        "USD that longs pay shorts for a USD of notional in each round", 0.0
    )
    returns: Returns = key("how prices move", FactorReturns())
    liquidity: LiquiditySection = key("what happens to depth", LiquiditySection())
