"""Monte Carlo runs as tables in a terminal."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.ticker import EngFormatter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from adl_jax.monte_carlo.smallest_shocks import EVENTS, SmallestShocks


_COLUMNS = {
    "probability_of_adl": "P(ADL)",
    "probability_of_fund_depletion": "P(fund empty)",
    "probability_of_unpaid_debt": "P(unpaid)",
    "needed_mean_usd": "needed",
    "executed_mean_usd": "paid by winners",
    "overshoot_mean_usd": "in vain",
    "unpaid_mean_usd": "unpaid, mean",
    "unpaid_var_99_usd": "VaR 99 %",
    "unpaid_es_99_usd": "ES 99 %",
    "concentration_mean": "worst haircut",
    "unpaid_difference": "unpaid, difference",
}
_SHARES = {
    "probability_of_adl",
    "probability_of_fund_depletion",
    "probability_of_unpaid_debt",
    "concentration_mean",
}
_PAIRINGS = {
    "": "",
    "same scenarios": "paired",
    "same draws": "paired draws",
    "independent": "unpaired",
}
_SAYS = {
    "same draws": "the same random numbers under other settings, scenario by scenario.",
    "independent": "another seed's scenarios: the interval holds the noise of both.",
}


def print_summary(console: Console, summary: pd.DataFrame) -> None:
    """Prints `summarise`'s rows, a figure a line, intervals below the values."""
    policies = list(dict.fromkeys(summary["policy"]))
    at = summary.set_index(["policy", "figure"])
    table = Table(title="USD a scenario, 95 % intervals below", title_justify="left")
    table.add_column("")
    for policy in policies:
        table.add_column(escape(policy), justify="right")
    for figure, title in _COLUMNS.items():
        show = _share if figure in _SHARES else _money
        cells = [title]
        for policy in policies:
            if (policy, figure) not in at.index:
                cells.append("")
                continue
            row = at.loc[(policy, figure)]
            value, low, high = (show(row[name]) for name in ("value", "low", "high"))
            cells.append(f"{value}\n[dim]{low}\n{high}[/dim]")
        table.add_row(*cells)
    console.print(table)
    count = int(summary["scenarios"].max())
    failed = at.xs("reported_failures", level="figure")["value"]
    console.print(
        f"{count:,} scenarios. 'In vain' is what winners paid that nobody needed; "
        "'worst haircut' the largest share of its profit that any account loses, on "
        f"average; differences are paired, to {escape(policies[0])}."
    )
    for policy, share in failed.items():
        if share > 0:
            console.print(
                f"{escape(str(policy))}: {share:.1%} of scenarios report a failure, most "
                "often a budget above what winners have (column status)."
            )


def print_comparison(
    console: Console,
    frame: pd.DataFrame,
    runs: Sequence[str],
    differs: Mapping[str, Sequence[Any]],
) -> None:
    """Prints `compare`'s rows, figure by figure, and what differs between the runs.

    **Arguments:** `runs`, `differs`: `compare.run_names` and `compare.differences`.
    """
    reference = frame.loc[frame["pairing"] == "", "policy"].iloc[0]
    table = Table(
        title=f"USD a scenario; differences to {escape(reference)}",
        title_justify="left",
    )
    mixed = frame["pairing"].isin(_SAYS).any()
    table.add_column("", overflow="fold")
    for title in ("value", "95 % interval", "difference", "95 % interval"):
        table.add_column(title, justify="right")
    if mixed:
        table.add_column("")
    for figure, rows in frame.groupby("figure", sort=False):
        show = _share if figure in _SHARES else _money
        table.add_section()
        table.add_row(f"[bold]{_COLUMNS[str(figure)]}[/bold]")
        for row in rows.to_dict("records"):
            cells = [escape(row["policy"]), show(row["value"])]
            cells.append(_interval(show, row["low"], row["high"]))
            if pd.notna(row["difference"]):
                ends = row["difference_low"], row["difference_high"]
                cells += [show(row["difference"]), _interval(show, *ends)]
                cells += [_PAIRINGS[row["pairing"]]] if mixed else []
            table.add_row(*cells)
    console.print(table)
    met = frame.set_index("policy")["scenarios"]
    least, most = int(met.min()), int(met.max())
    scenarios = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    console.print(
        f"{scenarios} scenarios. 'Needed' is what debts came to beyond the fund; 'in vain' "
        "what winners paid that nobody needed; 'worst haircut' the largest share of its "
        "profit that any account loses, on average. The value at risk has no interval of "
        "a paired difference."
    )
    if not mixed:
        console.print("Differences are paired, scenario by scenario.")
    for pairing, says in _SAYS.items():
        if (frame["pairing"] == pairing).any():
            console.print(f"'{_PAIRINGS[pairing]}': {says}")
    if not differs:
        return
    table = Table(title="What differs between the runs", title_justify="left")
    table.add_column("")
    for run in runs:
        table.add_column(escape(run))
    for name, values in differs.items():
        table.add_row(escape(name), *(escape(str(value)) for value in values))
    console.print(table)


def print_smallest_shocks(
    console: Console, frame: pd.DataFrame, found: SmallestShocks
) -> None:
    """Prints the rows of `SmallestShocks.to_pandas`, event by event."""
    several = len(found.funds) > 1
    console.print(
        "Smallest shock at which an event has probability "
        f"{frame['probability'].iloc[0]:.0%}"
    )
    for event, rows in frame.groupby("event", sort=False):
        says = EVENTS[str(event)]
        if event == "cost" and found.cost is not None:
            says = f"winners pay {_money(found.cost)} USD"
        table = Table(title=says[0].upper() + says[1:], title_justify="left")
        table.add_column("", overflow="fold")
        columns = ["fund"] if several else []
        columns += ["scale", "95 % interval", "fall", "5 to 95 %", "never", "undone"]
        for title in columns:
            table.add_column(title, justify="right")
        # A policy's funds stand together.
        by_policy = [rows[rows["policy"] == policy] for policy in found.policies]
        for row in pd.concat(by_policy).to_dict("records"):
            cells = [escape(row["policy"])]
            cells += [_money(row["fund_usd"])] if several else []
            cells.append(_scale(row["scale"]))
            cells.append(_interval(_scale, row["scale_low"], row["scale_high"]))
            cells.append(_fall(row["fall"]))
            cells.append(_interval(_scale, row["scale_05"], row["scale_95"]))
            table.add_row(*cells, _share(row["never"]), _share(row["undone"]))
        console.print(table)
    console.print(
        f"{len(found.deepest):,} scenarios, shocks up to {found.max_scale:g} times their "
        "own. 'Scale' multiplies a scenario's log returns; 'fall' is how far the book's "
        "price then falls, the median over scenarios; '5 to 95 %' is where scenarios' own "
        "smallest shocks lie; '-' is no shock that was tried; "
        "'never' the share of scenarios without one; 'undone' the share in which a larger "
        "shock undoes the event."
    )


def _money(value: float) -> str:
    # Below a dollar: 13.87m would be read as millions.
    small = abs(value) < 1
    return f"{value:.2f}" if small else EngFormatter(places=2, sep="")(value)


def _scale(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "-"


def _fall(value: float) -> str:
    return _share(value) if math.isfinite(value) else "-"


def _interval(show: Callable[[float], str], low: float, high: float) -> str:
    if math.isnan(low):
        return ""
    return "-" if math.isinf(low) else f"{show(low)} to {show(high)}"


def _share(value: float) -> str:
    return f"{100 * value:.1f}%"
