"""Severities that are learned on synthetic events: simulators, candidates, training."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from families import (
    CHOSEN,
    SHAPES,
    Draw,
    episodes,
    impact_only,
    level,
    tick_move,
    tier_volatility,
)

from adl_jax import Policy, ProRata
from adl_jax._types import Scalar, as_dtype
from adl_jax.learned import LogLinear, NetworkRate
from adl_jax.severity import (
    AbstractSeverity,
    AdaHedge,
    Experts,
    ShrunkenRate,
    rate_pool,
    stack,
)
from adl_jax.train import (
    AbstractObjective,
    AbstractProblem,
    Replayed,
    Settings,
    train,
    train_specialists,
)
from adl_jax.train.objective import Figures


def no_tiers(draw: Draw, notional: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Costs by market that leverage limits say nothing of."""
    rate = level(draw) * draw.lognormal(0, 0.6, limits.shape)
    moves = draw.lognormal(0, 0.4, (len(notional), 1))
    return notional * rate * moves * draw.lognormal(0, 0.3, notional.shape)


SIMULATORS: dict[str, Callable[..., np.ndarray]] = {
    "tier_volatility": tier_volatility,
    "tick_move": tick_move,
    "impact_only": impact_only,
    "no_tiers": no_tiers,
}
VALIDATION = {name: CHOSEN[name] for name in ("regime_switches", "heavy_tails")}
SEEDS = (0, 1, 2)
# Draws that no evaluation uses.
FOR_TRAINING, FOR_STOPPING, FOR_CHOOSING = 7001, 7002, 7004


class OverNeeded(AbstractObjective):
    """Mean over events of |raised - needed| over what was needed."""

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"tracking", "needed"})

    def value(self, figures: Figures) -> Scalar:
        return (figures["tracking"] / figures["needed"]).mean()


def problems(
    laws: Mapping[str, Callable[..., np.ndarray]], seed: int, count: int
) -> dict[str, dict[str, AbstractProblem]]:
    """For each law a problem for each shape of events, `count` events in all."""
    return {
        name: {
            f"{name} {rounds}x{markets}": Replayed(stack)
            for (rounds, markets), stack in zip(
                SHAPES, episodes(law, count, seed), strict=True
            )
        }
        for name, law in laws.items()
    }


def flat(
    families: Mapping[str, Mapping[str, AbstractProblem]],
) -> dict[str, AbstractProblem]:
    """The problems of all families."""
    return {name: one for family in families.values() for name, one in family.items()}


SETTINGS = Settings(
    steps=200,
    batch_size=64,
    learning_rate=0.03,
    validate_every=25,
    validation_scenarios=50,
    patience=6,
    remember="all",
)


def candidates(seed: int) -> tuple[dict[str, AbstractSeverity], dict[str, Any]]:
    """Every candidate and ablation of one seed, in float32, and how they were trained."""
    key = jax.random.key(seed)
    of_training = problems(SIMULATORS, FOR_TRAINING, 800)
    own = problems(SIMULATORS, FOR_STOPPING, 200)
    other = flat(problems(VALIDATION, FOR_STOPPING, 200))
    objective, records = OverNeeded(), {}

    def of_all(
        name: str, severity: AbstractSeverity, leaves: tuple[str, ...]
    ) -> AbstractSeverity:
        trained = train(
            *(jax.random.fold_in(key, 100), Policy(severity, ProRata())),
            *(flat(of_training), objective, other),
            settings=SETTINGS,
            leaves=leaves,
        )
        records[name] = trained.record
        assert isinstance(trained.policy, Policy)
        return trained.policy.severity

    meta = train_specialists(
        *(key, LogLinear(), ProRata(), of_training, objective, own),
        settings=SETTINGS,
    )
    records |= {f"only_{name}": one.record for name, one in meta.trained.items()}
    alone = {
        f"only_{name}": one.policy.severity  # pyright: ignore
        for name, one in meta.trained.items()
    }
    specialists = stack(list(alone.values()))
    found = {
        "specialists": meta.policy.severity,
        "specialists_and_pool": AdaHedge(
            Experts((specialists, *rate_pool().stacks)), "median"
        ),
        "mixture": of_all("mixture", LogLinear(), ("severity.*",)),
        "network": of_all("network", NetworkRate(width=8, seed=seed), ("severity.*",)),
        "tuned_rate": of_all("tuned_rate", ShrunkenRate(), ("severity.*",)),
        "no_features": of_all(
            "no_features",
            LogLinear(),
            ("severity.initial_rate", "severity.doubt", "severity.discount"),
        ),
        **alone,
    }
    return {name: as_dtype(one, jnp.float32) for name, one in found.items()}, records


CANDIDATES = (
    *("specialists", "specialists_and_pool", "mixture", "network", "tuned_rate"),
)


def empty(name: str) -> AbstractSeverity:
    """A severity with the structure of a candidate's, to read a file into."""
    four = stack([LogLinear()] * len(SIMULATORS))
    made: dict[str, AbstractSeverity] = {
        "specialists": AdaHedge(Experts((four,)), "median"),
        "specialists_and_pool": AdaHedge(
            Experts((four, *rate_pool().stacks)), "median"
        ),
        "network": NetworkRate(width=8),
        "tuned_rate": ShrunkenRate(),
    }
    return as_dtype(made.get(name, LogLinear()), jnp.float32)
