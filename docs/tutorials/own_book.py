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
# # From your own book to a report
#
# For risk teams. You need an export of accounts and positions, and no JAX. On the
# command line the same takes four commands: see [your own book](../your_own_book.md).
#
# ## A book
#
# Yours is an export. Here a hundred accounts are drawn at random: sixty longs with
# leverage, and forty shorts that are in profit. A desk in each market holds the other
# side, so that longs equal shorts.

# %%
from pathlib import Path
from tempfile import mkdtemp

import jax
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import adl_jax
from adl_jax.config import build, parse
from adl_jax.io import (
    BookError,
    book_from_tables,
    read_book,
    summarise_book,
    write_book,
)
from adl_jax.live import decide_now, policy_named
from adl_jax.report import write_report
from adl_jax.statistics import paired_difference


# %% [markdown]
# Positive sizes are longs, and money is USD.

# %%
draw = np.random.default_rng(7)
mark = pd.Series({"BTC": 100_000.0, "ETH": 4_000.0})
is_long = np.arange(100) < 60
market = draw.choice(mark.index, 100)
notional = draw.lognormal(9.5, 1.2, 100)
# Longs have lost 3 % and shorts have gained 10 to 30 % of the entry price.
entry = mark[market].to_numpy() * np.where(
    is_long, 1.03, draw.uniform(1.1, 1.4, 100)
)
leverage = np.where(
    is_long, draw.uniform(5, 18, 100), draw.uniform(1, 4, 100)
)

accounts = pd.DataFrame(
    {
        "account": [f"user-{i:03d}" for i in range(100)],
        "collateral_usd": notional / leverage
        + np.where(is_long, 0.03 * notional, 0),
    }
)
positions = pd.DataFrame(
    {
        "account": accounts["account"],
        "market": market,
        "size": np.where(is_long, 1, -1)
        * notional
        / mark[market].to_numpy(),
        "entry_price_usd": entry,
    }
)
held = positions.groupby("market")["size"].sum()
desks = pd.DataFrame(
    {
        "account": [f"desk-{name}" for name in held.index],
        "market": held.index,
        "size": -held.to_numpy(),
        "entry_price_usd": mark[held.index].to_numpy(),
    }
)
margin = pd.DataFrame(
    {"account": desks["account"], "collateral_usd": 1e6}
)
tables = {
    "accounts": pd.concat([accounts, margin]),
    "positions": pd.concat([positions, desks]),
    "markets": pd.DataFrame(
        {
            "market": mark.index,
            "mark_usd": mark.values,
            "max_leverage": [40, 25],
        }
    ),
    "margin_tiers": pd.DataFrame(
        {
            "market": mark.index,
            "floor_usd": 0.0,
            "maintenance_rate": [0.0125, 0.02],
        }
    ),
    "depth": pd.DataFrame(
        {"market": mark.index, "depth_usd": [2e5, 1e5]}
    ),
    "fund": pd.DataFrame({"balance_usd": [5_000.0]}),
}
folder = Path(mkdtemp()) / "book"
write_book(book_from_tables(tables), folder)
print(sorted(path.name for path in folder.iterdir()))

# %% [markdown]
# ## What is wrong with it
#
# Somebody has opened a file in a spreadsheet: one account is misspelt, and one number
# has a comma. Both are reported at once, with the row and the fix. Nothing is
# guessed.

# %%
path = folder / "positions.csv"
good = path.read_text(encoding="utf-8")
lines = good.splitlines()
lines[2] = lines[2].replace("user-001", "User_001")
lines[5] = ",".join([*lines[5].split(",")[:3], '"103,000"'])
path.write_text("\n".join(lines) + "\n", encoding="utf-8")
try:
    read_book(folder)
except BookError as error:
    print(error)

# %% [markdown]
# ## What it adds up to

# %%
path.write_text(good, encoding="utf-8")
book = read_book(folder)
summary = summarise_book(book)
print(book)
for name in (
    "collateral",
    "equity",
    "notional",
    "maintenance_margin",
    "fund",
):
    print(f"{name:20} {summary.totals[name]:12,.0f} USD")
print(
    f"the ten largest hold {summary.concentration['top_10_share_of_notional']:.0%}"
)

# %% [markdown]
# ## One decision
#
# Suppose that 20,000 USD were missing now, beyond the fund. Who gives what, if
# everybody in profit gives the same part? The audit hash covers every input: the same
# book and rules give the same answer and hash.

# %%
decision = decide_now(
    book, policy_named("pro_rata"), deficit=20_000.0
)
for line in decision.lines[:5]:
    print(
        f"{line.account} {line.haircut_usd:10,.2f} USD: {line.reason}"
    )
print(
    {
        name: round(value)
        for name, value in decision.totals.items()
    }
)
print("audit", decision.audit["sha256"][:16])

# %% [markdown]
# ## What a crash would do
#
# A configuration puts the book into crashes: a fall of 30 % in BTC over sixteen
# rounds, with noise, into order books that lose nine tenths of their depth. Three
# policies meet the same 64 crashes: raise nothing, half of what is owed, all of it,
# from all
# winners alike.

# %%
configuration = parse(
    f"""
    [book]
    folder = '{folder}'

    [crash.returns]
    family = "path"
    fall = 0.3

    [[policies]]
    name = "half"
    severity = "fixed"
    severity_parameters = {{ severity = 0.5 }}

    [[policies]]
    name = "all"
    severity = "fixed"
    severity_parameters = {{ severity = 1.0 }}
    """,
    "crash.toml",
)
scenario, policies = build(configuration)
results = adl_jax.monte_carlo(
    jax.random.key(0), scenario, policies, 64
)
table = adl_jax.summarise(results).set_index("figure")
shown = [
    "unpaid_mean_usd",
    "executed_mean_usd",
    "concentration_mean",
]
table.loc[shown, ["policy", "value", "low", "high"]].round(2)

# %% [markdown]
# `low` and `high` are ends of 95 % intervals. Those of `half` and `all` overlap. But
# both policies met the same crashes, and the difference crash by crash is known far
# better:

# %%
unpaid = results.column("unpaid")
left = results.column("left")
print(paired_difference(unpaid["half"], unpaid["all"]))
for name in ("half", "all"):
    print(name, f"{left[name].mean():.1f} winners leave")

# %% [markdown]
# Raising everything leaves more unpaid here: whoever has lost all of its profit leaves,
# and has nothing to give in the next round. How often is what stays unpaid as large as
# that?

# %%
figure, axes = plt.subplots(figsize=(7, 3.5))
for name, values in unpaid.items():
    ordered = np.sort(values)[::-1]
    axes.step(ordered, (np.arange(64) + 1) / 64, label=name)
axes.set(
    xlabel="unpaid at the end, USD",
    ylabel="share of crashes with at least that",
)
axes.legend()
figure.tight_layout()

# %% [markdown]
# ## The report
#
# One HTML page that works offline. From the command line it also has chapters for
# which crashes are run again; here it has those that rows alone can fill.

# %%
written = write_report(
    results, folder.parent / "report.html", figures=None
)
print(f"{written.page.stat().st_size / 1e6:.1f} MB:")
print([section.title for section in written.report.sections])

# %% [markdown]
# Sixty-four crashes of one designed path say little about the next crash. [When not
# to trust it](../limits.md) says what else is missing, and the
# [glossary](../glossary.md) what each word means.
