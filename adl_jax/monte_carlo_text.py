"""A Monte Carlo run as a table in a terminal."""

import pandas as pd
from matplotlib.ticker import EngFormatter
from rich.console import Console
from rich.markup import escape
from rich.table import Table


_COLUMNS = {
    "probability_of_adl": "P(ADL)",
    "probability_of_unpaid_debt": "P(unpaid)",
    "executed_mean_usd": "paid by winners",
    "overshoot_mean_usd": "in vain",
    "unpaid_mean_usd": "unpaid, mean",
    "unpaid_var_99_usd": "VaR 99 %",
    "unpaid_es_99_usd": "ES 99 %",
    "concentration_mean": "worst haircut",
    "unpaid_difference": "unpaid, difference",
}
_SHARES = {"probability_of_adl", "probability_of_unpaid_debt", "concentration_mean"}


def print_summary(console: Console, summary: pd.DataFrame) -> None:
    """Prints `summarise`'s rows, a figure a line, intervals below the values."""
    policies = list(dict.fromkeys(summary["policy"]))
    at = summary.set_index(["policy", "figure"])
    table = Table(title="USD a scenario, 95 % intervals below", title_justify="left")
    table.add_column("")
    for policy in policies:
        table.add_column(escape(policy), justify="right")
    for figure, title in _COLUMNS.items():
        show = _share if figure in _SHARES else EngFormatter(places=2, sep="")
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


def _share(value: float) -> str:
    return f"{100 * value:.1f}%"
