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
# # Differentiate through a crash
#
# A simulated crash is one function of its numbers, and jax differentiates it: how
# much more is unpaid for a USD less in the fund, what does a deeper order book save,
# which severity is best?

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import adl_jax
from adl_jax.venue import Fund, flat_margin


jax.config.update("jax_enable_x64", True)

# %% [markdown]
# ## Sixteen crashes of a small venue
#
# Thirty longs with four to twenty times leverage, ten shorts that hold the other
# side. The market falls by some 20 % in four rounds, and differently in each crash.

# %%
draw = np.random.default_rng(0)
size = np.r_[draw.lognormal(3, 0.8, 30), np.zeros(10)]
size[30:] = -size.sum() / 10
leverage = np.r_[draw.uniform(4, 20, 30), np.full(10, 1.5)]
book = adl_jax.Book(
    account=np.arange(40),
    market=np.zeros(40, int),
    size=size,
    entry_price=np.full(40, 100.0),
    collateral=np.abs(size) * 100 / leverage,
    one_position_each=True,
)
paths = draw.normal(-0.055, 0.04, (16, 4, 1))

start = {
    "severity": 0.5,
    "fund": 1_000.0,
    "slope": 0.02,
    "margin": 0.02,
}
numbers = {
    name: jnp.asarray(value, float)
    for name, value in start.items()
}


def crash(numbers, book, path):
    """One crash: what stays unpaid, USD, and the largest haircut fraction."""
    market = adl_jax.Market(
        mark=[100.0],
        impact=numbers["slope"][None],
        depth=[50.0],
    )
    venue = adl_jax.Venue(
        flat_margin(numbers["margin"][None]),
        fund=Fund(numbers["fund"]),
    )
    policy = adl_jax.Policy(
        adl_jax.severity.Fixed(numbers["severity"]),
        adl_jax.ProRata(),
    )
    shocks = adl_jax.Shocks(log_return=path)
    records = adl_jax.simulate(
        jax.random.key(0), book, market, venue, policy, shocks
    ).records
    return records.venue.unpaid[-1], records.concentration.max()


def harm(numbers, book, paths):
    """Mean over the crashes: unpaid USD, and 20,000 USD for a whole haircut."""
    unpaid, largest = jax.vmap(crash, (None, None, 0))(
        numbers, book, paths
    )
    return (unpaid + 20_000 * largest).mean(), unpaid.mean()


harm_and_slopes = jax.jit(
    jax.value_and_grad(harm, has_aux=True)
)


def run(**changed):
    """Harm, what of it is unpaid, and the derivatives, with some numbers changed."""
    (total, unpaid), slopes = harm_and_slopes(
        numbers | changed, book, paths
    )
    return total, unpaid, slopes


total, unpaid, slopes = run()
print(f"harm {total:,.0f} USD, of which {unpaid:,.0f} unpaid")

# %% [markdown]
# ## Derivatives, beside differences
#
# A derivative through all rounds and crashes, and the same by running the crashes
# twice.

# %%
print("harm, USD               derivative     difference")
for name, value in numbers.items():
    small = 1e-4 * value
    above = run(**{name: value + small})[0]
    below = run(**{name: value - small})[0]
    slope, difference = (
        slopes[name],
        (above - below) / (2 * small),
    )
    print(
        f"for 1 more {name:10} {slope:14,.2f} {difference:14,.2f}"
    )
    assert np.isclose(slope, difference, rtol=1e-4, atol=1e-4)

# %% [markdown]
# The margin rate has a derivative of zero. It decides who is liquidated, and a small
# enough change moves nobody over that line. A larger one does, and the derivative
# cannot see it:

# %%
rates = jnp.linspace(0.01, 0.04, 31)
harms = [run(margin=rate)[0] for rate in rates]
figure, axes = plt.subplots(figsize=(7, 3.2))
axes.step(100 * rates, harms, where="mid")
axes.set(
    xlabel="maintenance margin, %",
    ylabel="harm, USD, mean",
    ylim=0,
)
figure.tight_layout()

# %% [markdown]
# `adl_jax.sensitivities` measures how large such jumps are: [what a gradient does not
# see](../training.md#what-a-gradient-does-not-see).
#
# ## Train a severity
#
# Any optax optimiser moves the share along the gradient of the harm. A sigmoid keeps
# it inside (0, 1).

# %%
optimiser = optax.adam(0.3)
logit = jnp.zeros(())
state = optimiser.init(logit)
track = []
for _ in range(40):
    share = jax.nn.sigmoid(logit)
    total, _, slopes = run(severity=share)
    track.append((share, total))
    gradient = slopes["severity"] * share * (1 - share)
    step, state = optimiser.update(gradient, state)
    logit = optax.apply_updates(logit, step)
(first, before), (last, after) = track[0], track[-1]
print(f"severity {first:.2f} -> {last:.2f}")
print(f"harm {before:,.0f} -> {after:,.0f} USD")

tried = jnp.linspace(0, 1, 21)
harms = [run(severity=one)[0] for one in tried]
figure, axes = plt.subplots(figsize=(7, 3.2))
axes.plot(tried, harms, label="every twentieth")
axes.plot(
    *zip(*track, strict=True),
    "o-",
    ms=3,
    label="forty steps",
)
axes.set(xlabel="severity", ylabel="harm, USD, mean")
axes.legend()
figure.tight_layout()

# %% [markdown]
# These are the crashes that it was trained on. `adl_jax.train` does the same for
# policies of any kind, draws new crashes in every step and keeps the policy that was
# best on crashes of its own: [learn by gradient](../training.md).
