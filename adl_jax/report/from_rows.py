"""What the rows of a run say: losses, tails, policies beside each other, convergence."""

import numpy as np
import pandas as pd

from adl_jax.monte_carlo import Results, compare, convergence
from adl_jax.monte_carlo.summary import MEAN, survival_of
from adl_jax.report.chart import (
    Axis,
    Bars,
    Chart,
    Line,
    Panel,
    Table,
    Unit,
    money,
    number,
    share,
    text,
)
from adl_jax.report.section import Run, Section, named
from adl_jax.statistics import LEVELS, Estimate, stack


LAYERS = {
    "probability_of_liquidation": "liquidated",
    "probability_of_vault": "vault",
    "probability_of_fund": "fund pays",
    "probability_of_fund_depletion": "fund empty",
    "probability_of_adl": "ADL",
    "probability_of_unpaid_debt": "unpaid",
}
PAYERS = ("fund", "winners, needed", "winners, in vain", "nobody (unpaid)")
COMPARED: dict[str, tuple[str, Unit]] = {
    "probability_of_adl": ("P(ADL)", "share"),
    "probability_of_fund_depletion": ("P(fund empty)", "share"),
    "probability_of_unpaid_debt": ("P(unpaid)", "share"),
    "needed_mean_usd": ("needed", "usd"),
    "executed_mean_usd": ("paid by winners", "usd"),
    "overshoot_mean_usd": ("in vain", "usd"),
    "unpaid_mean_usd": ("unpaid", "usd"),
    "unpaid_es_99_usd": ("unpaid, ES 99 %", "usd"),
    "concentration_mean": ("worst haircut", "share"),
}
CONVERGED: dict[str, tuple[str, Unit]] = {
    "unpaid_mean_usd": ("half width of unpaid, USD", "usd"),
    "probability_of_adl": ("half width of P(ADL)", "share"),
}


def at(summary: pd.DataFrame, policy: str, figure: str) -> pd.Series:
    """A row of `summarise` by its policy and figure."""
    rows = summary[(summary["policy"] == policy) & (summary["figure"] == figure)]
    return rows.iloc[0]


def waterfall(run: Run, summary: pd.DataFrame) -> Section:
    """How deep losses go, and who bears them."""
    results = run.results
    reached = tuple(
        Bars(
            policy,
            tuple(LAYERS.values()),
            *(
                np.array([at(summary, policy, figure)[name] for figure in LAYERS])
                for name in ("value", "low", "high")
            ),
            colour=run.colour(policy),
        )
        for policy in results.policies
    )
    borne = _borne(results)
    names = tuple(results.policies)
    stacked = tuple(
        Bars(payer, names, np.array([borne[name][i] for name in names]), colour=i)
        for i, payer in enumerate(PAYERS)
    )
    adl = at(summary, run.lead, "probability_of_adl")
    fund, used, vain, unpaid = (money(value) for value in borne[run.lead])
    layers = Chart(
        "layers",
        "How deep losses go",
        f"Under {named(run.lead)} winners pay in {share(adl['value'])} of the crashes, "
        f"95 % interval {share(adl['low'])} to {share(adl['high'])}.",
        Axis("layer"),
        (Panel(Axis("share of crashes", "share"), reached),),
    )
    payers = Chart(
        "payers",
        "Who bears them, on average",
        f"Under {named(run.lead)} the fund pays {fund} USD a crash, winners {used} USD "
        f"that are needed and {vain} USD in vain, and {unpaid} USD stay unpaid.",
        Axis("policy"),
        (Panel(Axis("USD a crash", "usd"), stacked),),
        stacked=True,
    )
    says = (
        "An account that is under margin is liquidated. The order book takes what it can, "
        "then the vault, then the insurance fund pays what insolvent accounts owe, then "
        "winners; what is left stays unpaid.",
    )
    return Section(
        "waterfall", "Loss waterfall", says, charts=(layers, payers), tables=()
    )


def _borne(results: Results) -> dict[str, tuple[float, ...]]:
    weights = results.weights()
    column = lambda name: results.column(name, as_drawn=True)
    mean = lambda values: float(MEAN.of(values, weights).value)
    parts = {
        name: {policy: mean(values) for policy, values in column(name).items()}
        for name in ("paid_by_fund", "executed", "overshoot", "unpaid")
    }
    return {
        policy: (
            parts["paid_by_fund"][policy],
            parts["executed"][policy] - parts["overshoot"][policy],
            parts["overshoot"][policy],
            parts["unpaid"][policy],
        )
        for policy in results.policies
    }


def tails(run: Run, summary: pd.DataFrame) -> Section:
    """How often amounts are exceeded, value at risk and expected shortfall."""
    results, charts = run.results, []
    weights = results.weights()
    for column, title in {
        "unpaid": "debt that stays unpaid",
        "executed": "what winners pay",
    }.items():
        lines = []
        for policy, values in results.column(column, as_drawn=True).items():
            # Cents are rounding, and a policy that never acts has no curve.
            if (values >= 1).any():
                curve = survival_of(values, weights, points=60)
                seen = curve.threshold >= 1
                ends = (curve.probability.low, curve.probability.high)
                lines.append(
                    Line(
                        policy,
                        curve.threshold[seen],
                        np.asarray(curve.probability.value)[seen],
                        *(np.asarray(end)[seen] for end in ends),
                        colour=run.colour(policy),
                    )
                )
        if not lines:
            continue
        largest = max(lines, key=lambda line: line.x[-1])
        charts.append(
            Chart(
                f"survival_{column}",
                f"How often {title} reaches an amount",
                f"The largest amount in any crash is {money(largest.x[-1])} USD, under "
                f"{named(largest.name)}. Shaded: 95 % intervals.",
                Axis("USD or more", "usd", log=True),
                (Panel(Axis("share of crashes", "share", log=True), tuple(lines)),),
            )
        )
    tables = tuple(
        _at_risk(run, summary, column, title)
        for column, title in {
            "unpaid": "Unpaid debt, USD a crash",
            "executed": "Paid by winners, USD a crash",
        }.items()
    )
    says = (
        "VaR at a level is what is not exceeded with that probability; expected shortfall "
        "(ES) is the mean of the crashes beyond it.",
    )
    none = "" if charts else "No policy left debt or made winners pay in any crash."
    return Section(
        "tails", "Tails", says, tuple(charts), tables if charts else (), missing=none
    )


def _at_risk(run: Run, summary: pd.DataFrame, column: str, title: str) -> Table:
    percents = [f"{100 * level:g}" for level in LEVELS]
    measures = [(kind, percent) for percent in percents for kind in ("var", "es")]
    names = {"var": "VaR", "es": "ES"}
    rows = []
    for policy in run.results.policies:
        cells = [text(policy)]
        for kind, percent in measures:
            figure = f"{column}_{kind}_{percent.replace('.', '_')}_usd"
            row = at(summary, policy, figure)
            cells.append(number(row["value"], row["low"], row["high"], "usd"))
        rows.append(tuple(cells))
    headings = ["policy", *(f"{names[kind]} {percent} %" for kind, percent in measures)]
    return Table(f"at_risk_{column}", title, tuple(headings), tuple(rows))


def policies(run: Run) -> Section:
    """Every policy, and its paired differences to the first."""
    frame = compare([run.results])
    reference = run.results.policies[0]
    values, moved = [], []
    for policy in run.results.policies:
        rows = frame[frame["policy"] == policy].set_index("figure").to_dict("index")
        cells, changes = [text(policy)], [text(policy)]
        for figure, (_, unit) in COMPARED.items():
            row = rows[figure]
            cells.append(number(row["value"], row["low"], row["high"], unit))
            ends = row["difference_low"], row["difference_high"]
            changes.append(number(row["difference"], *ends, unit))
        values.append(tuple(cells))
        if policy != reference:
            moved.append(tuple(changes))
    headings = ("policy", *(title for title, _ in COMPARED.values()))
    tables = [Table("policies", "Values, USD a crash", headings, tuple(values))]
    if moved:
        title = f"Less {named(reference)}, crash by crash"
        tables.append(Table("differences", title, headings, tuple(moved)))
    says = (
        "Means over all crashes with 95 % intervals below them. All policies met the same "
        "crashes, so differences are paired and most of the noise cancels. 'In vain' is "
        "what winners paid that nobody needed; 'worst haircut' the largest share of its "
        "profit that any account loses, on average.",
    )
    return Section("policies", "Policies", says, tables=tuple(tables))


def converged(run: Run) -> Section:
    """How intervals narrow with more scenarios."""
    charts = []
    for figure, (title, unit) in CONVERGED.items():
        frame = convergence(run.results, figure)
        lines = []
        for policy in run.results.policies:
            rows = frame[(frame["policy"] == policy) & (frame["half_width"] > 0)]
            if len(rows) > 1:
                lines.append(
                    Line(
                        policy,
                        rows["scenarios"].to_numpy(),
                        rows["half_width"].to_numpy(),
                        colour=run.colour(policy),
                        marks=True,
                    )
                )
        if not lines:
            continue
        shown = next((one for one in lines if one.name == run.lead), lines[-1])
        x, y = shown.x.astype(float), shown.y
        root = y[-1] * np.sqrt(x[-1] / x)
        lines.append(Line("as it should fall", x, root, reference=True))
        show = money if unit == "usd" else share
        charts.append(
            Chart(
                f"convergence_{figure}",
                title[0].upper() + title[1:],
                f"With all {int(x[-1]):,} scenarios {show(float(y[-1]))} either way for "
                f"{named(shown.name)}.",
                Axis("scenarios", log=True),
                (Panel(Axis(title, unit, log=True), tuple(lines)),),
            )
        )
    none = "" if charts else "No figure varied between scenarios, or there are too few."
    says = (
        "Half widths of 95 % intervals from the first scenarios only. They fall as one "
        "over the root of the number of scenarios; a curve that stays flat or rises has a "
        "tail too heavy for its interval to be trusted.",
    )
    return Section("convergence", "Convergence", says, tuple(charts), missing=none)


def intervals(estimates: list[Estimate]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values and ends of several estimates."""
    many = stack(estimates)
    return np.asarray(many.value), np.asarray(many.low), np.asarray(many.high)
