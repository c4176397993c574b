"""What experiments on scenarios share: their options, their keys, the head of a result."""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
from provenance import provenance

from adl_jax.scenario import scenarios


def options(description: str | None) -> argparse.Namespace:
    """Reads --scenarios, --scenario, --seed and --out from the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--scenarios", type=int, default=256)
    parser.add_argument("--scenario", default="default", choices=list(scenarios))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    return chosen


def keys_of(chosen: argparse.Namespace) -> jax.Array:
    """A key a scenario, which depends on the seed and on its number alone."""
    key, index = jax.random.key(chosen.seed), jnp.arange(chosen.scenarios)
    return jax.vmap(jax.random.fold_in, (None, 0))(key, index)


def head(chosen: argparse.Namespace) -> dict[str, object]:
    """What a result was made with."""
    named = {name: getattr(chosen, name) for name in ("scenario", "scenarios", "seed")}
    return {**provenance(), **named}
