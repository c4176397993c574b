"""The page of learned policies shows what was evaluated, of what was frozen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax import Observation, Policy
from adl_jax._types import as_dtype
from adl_jax.data import evaluations
from adl_jax.learned import LeverageCurve, SetNetwork
from adl_jax.severity import Fixed
from adl_jax.train import load_policy
from tests.learned_page import PAGE, RESULTS, TABLES, evaluated, frozen, written


FILES = sorted((RESULTS / "learned").glob("*.policy"))


def test_the_tables_are_the_evaluation():
    page = PAGE.read_text()
    for name in TABLES:
        assert f"<!-- {name}: generated -->" in page
    assert written(page) == page, "run python -m tests.learned_page"


def test_every_frozen_policy_is_there_and_small():
    assert {path.stem for path in FILES} == set(frozen()["fingerprints"])
    assert all(path.stat().st_size < 50_000 for path in FILES)


def test_each_seed_on_the_real_rounds_is_a_frozen_one_and_is_logged():
    chosen = frozen()["chosen"]
    logged = {line.configuration: line for line in evaluations()}
    frame = evaluated()
    scores = frame[(frame["at"] == "October 10") & (frame["figure"] == "% of bound")]
    scores = scores.set_index("policy")["mean"]
    for seed in range(3):
        line = logged[frozen()["fingerprints"][f"{chosen}-{seed}"]]
        score = scores[f"learned-{seed}"]
        np.testing.assert_allclose(
            float(line.tracking_percent_of_bound), score, atol=1e-4
        )
        assert score > 1.2, "a leak until shown otherwise"


@pytest.mark.parametrize("make", [SetNetwork, LeverageCurve])
def test_frozen_allocations_are_feasible_and_do_not_depend_on_the_order(make):
    kind = "set_network" if make is SetNetwork else "leverage_curve"
    one = jnp.ones((), jnp.float32)
    like = as_dtype(Policy(Fixed(one), make()), jnp.float32)
    policy, _ = load_policy(RESULTS / "learned" / f"{kind}-0.policy", like)
    allocate = policy.allocation
    draw, key = np.random.default_rng(0), jax.random.key(0)
    capacity = jnp.asarray(draw.pareto(0.8, 60) * 100 * (draw.random(60) < 0.7))
    seen = Observation(
        capacity=capacity,
        leverage=jnp.asarray(draw.lognormal(1, 1, 60)),
        score=jnp.asarray(draw.lognormal(0, 1, 60)),
    )
    order = draw.permutation(60)
    moved = jax.tree.map(lambda leaf: leaf[order], seen)
    for share in (0.0, 0.1, 0.9):
        budget = share * capacity.sum()
        haircut = allocate(seen, budget, key=key)
        assert (haircut >= 0).all()
        assert (haircut <= capacity).all()
        np.testing.assert_allclose(haircut.sum(), budget, rtol=1e-12)
        again = allocate(moved, budget, key=key)
        np.testing.assert_allclose(again, haircut[order], rtol=1e-9)
