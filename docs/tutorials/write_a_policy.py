# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Write a policy, and see what it is worth
#
# For researchers. A severity of your own, its regret and the bound, a thousand step
# sizes at once, and a pool that learns the step online. The interface is in [write a
# policy](../write_a_policy.md).

# %%
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import adl_jax
from adl_jax import Commitment, Information, as_float
from adl_jax.evaluate import bounds, online_bounds, regret
from adl_jax.severity import (
    AdaHedge,
    Experts,
    Fixed,
    ProjectedGradient,
    proposition_1_step,
)


jax.config.update("jax_enable_x64", True)

# %% [markdown]
# ## An event
#
# Two hundred rounds, made up: deficits over two decades, and a needed share that
# drifts between 5 and 35 %. Winners have more than anybody owes.

# %%
draw = np.random.default_rng(3)
number = np.arange(200)
deficit = draw.lognormal(13, 1.0, 200)
share = (
    0.2 + 0.15 * np.sin(number / 12) + draw.normal(0, 0.02, 200)
)
rounds = adl_jax.Rounds(
    deficit=deficit,
    needed=share.clip(0.02) * deficit,
    capacity_total=10 * deficit,
    start_ms=10_000 * number,
    end_ms=10_000 * number + 1,
)


# %% [markdown]
# ## A severity in thirty lines
#
# It raises a share of the deficit, and multiplies the share after every round: up
# when too little was raised, down when too much. It declares what it sees: deficits
# and past rounds. The loop hides everything else, so that it cannot look ahead.


# %%
class Multiply(adl_jax.AbstractSeverity):
    """A share of the deficit that moves by a factor, towards what was needed."""

    information: ClassVar = Information.deficit
    step: jax.Array = eqx.field(default=0.2, converter=as_float)
    start: jax.Array = eqx.field(
        default=0.05, converter=as_float
    )

    def init(self, observation):
        """The share of the first round."""
        return self.start.astype(observation.deficit.dtype)

    def commit(self, share, observation):
        """USD to raise; the loop cuts it to what there is."""
        return Commitment(budget=share * observation.deficit)

    def learn(self, share, observation, record):
        """Up by a factor where too little was raised, down where too much."""
        short = jnp.sign(record.needed - record.executed)
        step = self.step.astype(share.dtype)
        return jnp.minimum(share * jnp.exp(step * short), 1)


def policy(severity):
    """Raised from all winners alike."""
    return adl_jax.Policy(severity, adl_jax.ProRata())


run = adl_jax.replay(rounds, policy(Multiply())).records
figure, axes = plt.subplots(figsize=(7, 3.2))
axes.plot(
    number + 1,
    run.needed / run.deficit,
    "o",
    ms=3,
    label="needed",
)
axes.plot(
    number + 1, run.executed / run.deficit, label="raised"
)
axes.set(xlabel="round", ylabel="share of the deficit")
axes.legend()
figure.tight_layout()

# %% [markdown]
# ## Regret and bound
#
# How much worse than the best constant share in hindsight (static), and than each
# round's own best (dynamic). The bound (17) holds for projected gradient descent with
# a step that knows the whole event, so that learner is the only one here that must
# stay below it.

# %%
needed_share = rounds.needed / rounds.deficit
bound = float(
    adl_jax.severity_bound(rounds.deficit, needed_share)
)
tuned = proposition_1_step(
    (rounds.deficit**2).sum(),
    bounds.path_variation(needed_share),
)
best = regret.best_fixed_severity(
    rounds.deficit, rounds.needed, rounds.capacity_total
)
floor = regret.best_round_losses(
    rounds.needed, rounds.capacity_total
)
print(f"bound {bound / 1e6:.1f} million USD")
print(
    "million USD          tracking   static  dynamic   % of bound"
)
for name, severity in {
    "nothing": Fixed(0.0),
    "best constant": Fixed(best.value),
    "tuned gradient": ProjectedGradient(tuned),
    "ours": Multiply(),
}.items():
    records = adl_jax.replay(rounds, policy(severity)).records
    loss = jnp.abs(records.executed - records.needed)
    static = float(regret.static_regret(loss, best))
    dynamic = float(regret.dynamic_regret(loss, floor))
    print(
        f"{name:18} {loss.sum() / 1e6:10.2f} {static / 1e6:8.2f} {dynamic / 1e6:8.2f}"
        f" {100 * dynamic / bound:10.1f}"
    )
    assert name != "tuned gradient" or dynamic <= bound

# %% [markdown]
# ## A thousand step sizes, one compilation
#
# The step is an array, so `vmap` runs a stack of policies and nothing is compiled
# again.

# %%
steps = jnp.geomspace(0.01, 1.5, 1000)


@jax.jit
def losses(step):
    """What a step loses in each round, USD."""
    records = adl_jax.replay(
        rounds, policy(Multiply(step)), keep_haircuts=False
    ).records
    return jnp.abs(records.executed - records.needed)


curve = jax.vmap(losses)(steps).sum(axis=1)
figure, axes = plt.subplots(figsize=(7, 3.2))
axes.semilogx(steps, curve / 1e6)
axes.set(xlabel="step", ylabel="tracking, million USD", ylim=0)
figure.tight_layout()
print(f"best in hindsight: {steps[curve.argmin()]:.2f}")

# %% [markdown]
# ## Learn the step online
#
# The best step is known afterwards only. A pool of eight steps under AdaHedge weighs
# them by what each would have lost so far. Its regret to the best of the eight is
# bounded whatever the rounds are.

# %%
eight = jnp.geomspace(0.02, 1.5, 8)
pool = AdaHedge(Experts((jax.vmap(Multiply)(eight),)))
records = adl_jax.replay(rounds, policy(pool)).records
pooled = float(jnp.abs(records.executed - records.needed).sum())
each = jax.vmap(losses)(eight)
spread = each.max(axis=0) - each.min(axis=0)
most = float(online_bounds.ada_hedge_bound(spread, 8).value)
print(
    "each step, million USD:", (each.sum(axis=1) / 1e6).round(2)
)
print(f"the pool: {pooled / 1e6:.2f}")
print(
    f"regret to the best of eight: {(pooled - each.sum(axis=1).min()) / 1e6:.2f}"
)
print(f"never more than {most / 1e6:.2f}")
assert pooled - each.sum(axis=1).min() <= most

# %% [markdown]
# The pool is better than half of the eight, and pays for not knowing which is best.
# The theorem bounds that price; it does not promise that two hundred rounds are
# enough. These rounds are made up: they show how it is done, and not which policy is
# good. Choose on [simulated crashes](../scenarios.md). The sixteen real rounds have
# been seen by everybody, so look at them once.
