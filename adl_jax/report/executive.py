"""A run in plain words, each number with how well it is known."""

import numpy as np
import pandas as pd

from adl_jax.monte_carlo.summary import MEAN
from adl_jax.report.chart import money, share
from adl_jax.report.from_rows import at
from adl_jax.report.section import Run, Section, named
from adl_jax.statistics import (
    Estimate,
    effective_sample_size,
    paired_difference,
    weighted_mean,
)


def executive(run: Run, summary: pd.DataFrame, examples: Section | None) -> Section:
    """The chapter that a reader in a hurry reads.

    **Arguments:** `examples`: the chapter on who pays, where there is one.
    """
    says = [_crashes(run), _adl(run, summary), _unpaid(run, summary)]
    says += _best(run)
    if examples is not None and examples.charts:
        says.append(f"Who pays: {_lower(examples.charts[0].says)}")
    says += [_known(run, summary), *_warnings(run, summary)]
    return Section("summary", "Summary", tuple(says))


def _crashes(run: Run) -> str:
    results = run.results
    fall = 1 - np.exp(results.column("fall", as_drawn=True)[results.policies[0]])
    low, middle, high = np.quantile(fall, (0.05, 0.5, 0.95))
    interest = results.column("open_interest_start", as_drawn=True)
    size = float(np.median(interest[results.policies[0]]))
    drawn = ", as drawn," if results.tilted else ""
    return (
        f"{results.num_scenarios:,} crashes of a venue with {money(size)} USD of open "
        f"interest, both sides. The book's price{drawn} falls by {share(middle)} in the "
        f"median crash, by {share(low)} to {share(high)} in nine of ten."
    )


def _adl(run: Run, summary: pd.DataFrame) -> str:
    adl, fund = (
        at(summary, run.lead, f"probability_of_{event}")
        for event in ("adl", "fund_depletion")
    )
    return (
        f"Under {named(run.lead)} winners have to pay in {_interval(adl, share)} of them. "
        f"The insurance fund is emptied in {_interval(fund, share)}. Brackets hold 95 % "
        "intervals."
    )


def _unpaid(run: Run, summary: pd.DataFrame) -> str:
    rows = {
        policy: at(summary, policy, "unpaid_mean_usd")
        for policy in run.results.policies
    }
    if not any(row["value"] for row in rows.values()):
        return "No debt stays unpaid in any crash, under any policy."
    parts = [
        f"{named(policy)} leaves {_interval(row, money)}"
        for policy, row in rows.items()
    ]
    return f"USD that stay unpaid in a crash, on average: {'; '.join(parts)}."


_QUALITIES = {
    "unpaid": ("Least debt stays unpaid", money, "USD"),
    "overshoot": ("Least is taken in vain", money, "USD"),
    "concentration": ("The largest haircut is smallest", share, "of the profit"),
}


# Of what is paid: less is rounding.
_HARDLY = 1e-4


def _best(run: Run) -> list[str]:
    results = run.results
    weights = results.weights()
    paid = results.column("executed", as_drawn=True)
    # Doing nothing takes nothing in vain, which is no merit.
    acting = [name for name in results.policies if (paid[name] > 0).any()]
    if len(acting) < 2:
        return []
    says, most = [], max(float(MEAN.of(paid[name], weights).value) for name in acting)
    for column, (title, show, unit) in _QUALITIES.items():
        values = results.column(column, as_drawn=True)
        means = {name: float(MEAN.of(values[name], weights).value) for name in acting}
        if column == "overshoot" and max(means.values()) < _HARDLY * most:
            says.append("Hardly anything is taken in vain under any policy.")
            continue
        best, second = sorted(acting, key=means.__getitem__)[:2]
        moved = values[second] - values[best]
        gap = (
            paired_difference(values[second], values[best])
            if weights is None
            else weighted_mean(moved, weights)
        )
        says.append(
            f"{title} under {named(best)}: {show(means[best])} {unit} on average. "
            f"{named(second)} comes next, {_apart(gap, show)}."
        )
    return says


def _apart(gap: Estimate, show) -> str:
    ends = f"{show(gap.value)}, 95 % interval {show(gap.low)} to {show(gap.high)}"
    if gap.low > 0:
        return f"worse by {ends}"
    return f"and this run cannot tell them apart (a difference of {ends})"


def _known(run: Run, summary: pd.DataFrame) -> str:
    row = at(summary, run.lead, "unpaid_mean_usd")
    half = (row["high"] - row["low"]) / 2
    noise = "the noise of drawing crashes, not what the model leaves out."
    if not row["value"] > 0:
        # What happens once in n / 3 crashes is in n of them with a probability of 95 %.
        rare = f"{run.results.num_scenarios // 3:,}"
        return (
            f"How sure: what happens in fewer than one crash of {rare} may well not be "
            f"among these. Intervals hold {noise}"
        )
    return (
        f"How sure: the mean unpaid under {named(run.lead)} is known to {money(half)} USD "
        f"either way, {share(half / row['value'])} of it; four times as many crashes would "
        f"halve that. Intervals hold {noise}"
    )


def _warnings(run: Run, summary: pd.DataFrame) -> list[str]:
    says = []
    failed = {
        policy: at(summary, policy, "reported_failures")["value"]
        for policy in run.results.policies
    }
    if any(failed.values()):
        parts = [
            f"{share(part)} of the crashes under {named(policy)}"
            for policy, part in failed.items()
            if part > 0
        ]
        says.append(
            f"A failure is reported in {', '.join(parts)}: most often the policy asks for "
            "more than winners have."
        )
    needed = run.results.column("needed", as_drawn=True)[run.lead]
    interest = run.results.column("open_interest_start", as_drawn=True)[run.lead]
    beyond = int(np.sum(needed > interest))
    if beyond:
        says.append(
            f"In {beyond:,} of {len(needed):,} crashes more is needed than the whole open "
            "interest: prices move in proportion to what is sold (48), however much it is. "
            "Means and tails that hang on these crashes are the model's, not a venue's."
        )
    weights = run.results.weights()
    if weights is not None:
        says.append(
            "Rare crashes were drawn more often and count for their weights, worth "
            f"{effective_sample_size(weights):,.0f} crashes for what is not rare."
        )
    return says


def _interval(row: pd.Series, show) -> str:
    return f"{show(row['value'])} ({show(row['low'])} to {show(row['high'])})"


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
