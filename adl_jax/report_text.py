"""A backtest as tables for a terminal."""

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from adl_jax.backtesting import (
    ACCOUNT_DIAGNOSTICS,
    ORDERS,
    WEIGHTS,
    Backtest,
    Role,
    Score,
)
from adl_jax.data import evaluations
from adl_jax.result import RESULTS


_ROLE_TITLES = {
    Role.published: "recorded, published or given",
    Role.constant: "constants, no learning",
    Role.learner: "learners, ex ante",
    Role.reference: "references, in hindsight",
    Role.semi_synthetic: "semi-synthetic",
}
_DIAGNOSTIC_TITLES = {
    "concentration_mean": "worst fraction",
    "adjacent_inversions": "inversions",
    "rank_correlation": "rank corr.",
    "accounts_touched": "accounts hit",
    "share_paid_by_top_1_percent": "top 1 % pay",
    "gini": "Gini",
    "worst_decile": "worst decile",
}
_UNDEFINED = "–"


def print_backtest(
    console: Console, result: Backtest, semi_synthetic: Backtest | None = None
) -> None:
    """Prints the headline, the policies, robustness and accounts, and what is whose."""
    tables = [_headline(result), _objective(result), _tracking(result)]
    tables.append(_learners(result))
    if result.event.recorded:
        tables.append(_robustness(result))
    if result.horizons:
        tables.append(_horizons(result))
    with_accounts = [score for score in result.scores if score.accounts]
    if with_accounts:
        tables.append(_accounts("Accounts in the event table", with_accounts))
    if semi_synthetic is not None:
        title = f"{len(semi_synthetic.event.accounts):,} accounts, semi-synthetic"
        tables.append(_accounts(title, list(semi_synthetic.scores)))
    notes_width = min(console.width, 100)
    # A number cut short would be wrong, so that a narrow terminal has to wrap.
    console.width = max(console.width, *(_natural_width(table) for table in tables))
    console.print(f"\n{result.event.name}", style="bold", highlight=False, markup=False)
    for table in tables:
        console.print(table)
    console.width = notes_width
    _print_notes(console, result, semi_synthetic)


def _natural_width(table: Table) -> int:
    wide = Console(width=1000)
    return Measurement.get(wide, wide.options, table).maximum


def _usd(value: float | None) -> str:
    # A sum that is zero but for rounding is not "-0.00".
    return _UNDEFINED if value is None else f"{round(value, 2) + 0.0:,.2f}"


def _percent(value: float | None) -> str:
    return _UNDEFINED if value is None else f"{value:.2f}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.add_column(columns[0], no_wrap=True)
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _headline(result: Backtest) -> Table:
    once = result.counted_once
    table = _table("", "", "as given", "standing loss once")
    table.show_header = once is not None
    rows = [
        ("rounds", str(result.event.rounds.num_rounds), ""),
        (
            "deficits, sum D, USD",
            _usd(result.deficit_total_usd),
            _usd(once["deficit_total_usd"]) if once else "",
        ),
        ("needed budgets, sum, USD", _usd(result.needed_total_usd), ""),
        (
            "needed above D, unreachable, USD",
            _usd(result.unreachable_usd),
            _usd(once["unreachable_usd"]) if once else "",
        ),
        (
            "path variation P",
            f"{result.path_variation:.4f}",
            f"{once['path_variation']:.4f}" if once else "",
        ),
        (
            "bound (17), USD",
            _usd(result.bound_usd),
            _usd(once["bound_usd"]) if once else "",
        ),
    ]
    tight = result.comparators
    rows += [
        (
            "P, comparator without small rounds",
            f"{tight['path_variation_tight']:.4f}",
            "",
        ),
        ("tracking bound with it, USD", _usd(tight["bound_tight_usd"]), ""),
    ]
    for name, given, counted in rows:
        table.add_row(name, given, counted)
    return table


def _by_role(table: Table, scores: tuple[Score, ...], cells: dict[str, list[str]]):
    role = None
    for score in scores:
        if score.entry.role is not role:
            role = score.entry.role
            table.add_row(f"[dim]{_ROLE_TITLES[role]}[/dim]")
        mark = " *" if score.entry.headline else ""
        table.add_row(f"  {score.entry.name}{mark}", *cells[score.entry.name])
    return table


def _objective(result: Backtest) -> Table:
    table = _table(
        "\nObjective (23), USD; * headline learner of its information set",
        *("policy", "sees", "tracking", "fairness", "objective"),
        *("% bound", "% needed"),
    )
    cells = {
        score.entry.name: [
            score.entry.information.value,
            _usd(score.tracking_usd),
            _usd(score.fairness_usd),
            _usd(score.objective_usd),
            _percent(score.percent_of_bound),
            _percent(score.tracking_percent_of_needed),
        ]
        for score in result.scores
    }
    return _by_role(table, result.scores, cells)


def _tracking(result: Backtest) -> Table:
    table = _table(
        "\nTracking, executed minus needed, USD, and regrets of tracking",
        *("policy", "signed", "over", "under (V_T)", "% bound"),
        *("static (12)", "dynamic (13)"),
    )
    cells = {
        score.entry.name: [
            _usd(score.tracking_signed_usd),
            _usd(score.overshoot_usd),
            _usd(score.undershoot_usd),
            _percent(score.tracking_percent_of_bound),
            _usd(score.static_regret_usd),
            _usd(score.dynamic_regret_usd),
        ]
        for score in result.scores
    }
    return _by_role(table, result.scores, cells)


def _learners(result: Backtest) -> Table:
    table = _table(
        f"\nLearners: tracking in the order as given, and over {ORDERS} random orders",
        *("learner", "sees", "% bound", "% needed", "orders: mean % bound"),
        *("5-95 %", "mean % needed", "configuration"),
    )
    rows = [score for score in result.scores if score.orders]
    for score in rows:
        assert score.orders is not None
        low, high = (
            _percent(score.orders[f"orders_{end}_percent_of_bound"])
            for end in ("low", "high")
        )
        mark = " *" if score.entry.headline else ""
        table.add_row(
            f"  {score.entry.name}{mark}",
            score.entry.information.value,
            _percent(score.tracking_percent_of_bound),
            _percent(score.tracking_percent_of_needed),
            _percent(score.orders["orders_mean_percent_of_bound"]),
            f"{low}-{high}",
            _percent(score.orders["orders_mean_percent_of_needed"]),
            score.configuration,
        )
    return table


def _robustness(result: Backtest) -> Table:
    table = _table(
        "\nRobustness: objective by fairness weight lambda, USD; regret in class",
        "policy",
        *(f"{weight:g}" for weight in WEIGHTS),
        *("class regret (14)", "tracking regret (15)"),
    )
    rows = [
        score
        for score in result.scores
        if score.entry.role is Role.published or score.entry.name == "zero"
    ]
    for score in rows:
        by_weight = score.objective_by_weight_usd or dict.fromkeys(WEIGHTS)
        table.add_row(
            f"  {score.entry.name}",
            *(_usd(by_weight[weight]) for weight in WEIGHTS),
            _usd(score.policy_class_regret_usd),
            _usd(score.tracking_regret_usd),
        )
    return table


def _horizons(result: Backtest) -> Table:
    table = _table(
        "\nRobustness: production_queue by markout horizon, USD",
        *("horizon", "executed", "signed", "over", "under"),
    )
    for row in result.horizons:
        table.add_row(
            f"  {row['horizon_ms'] / 1000:g} s",
            _usd(row["executed_usd"]),
            _usd(row["tracking_signed_usd"]),
            _usd(row["overshoot_usd"]),
            _usd(row["undershoot_usd"]),
        )
    return table


def _accounts(title: str, scores: list[Score]) -> Table:
    table = _table(
        f"\n{title}: means over rounds", "policy", *_DIAGNOSTIC_TITLES.values()
    )
    for score in scores:
        assert score.accounts is not None
        table.add_row(
            f"  {score.entry.name}",
            *(_diagnostic(name, score.accounts[name]) for name in ACCOUNT_DIAGNOSTICS),
        )
    return table


def _diagnostic(name: str, value: float | None) -> str:
    if value is None:
        return _UNDEFINED
    return f"{value:,.1f}" if name == "accounts_touched" else f"{value:.4f}"


def _print_notes(
    console: Console, result: Backtest, semi_synthetic: Backtest | None
) -> None:
    event = result.event if semi_synthetic is None else semi_synthetic.event
    recorded = ", ".join(result.event.recorded)
    lines = []
    if recorded:
        lines.append(
            f"Published or given: what {recorded} executed, and their concentrations; the "
            "rounds' deficits, needed budgets and capacities."
        )
        lines.append(
            "Recomputed: every sum, regret, path variation and bound, by the same code "
            "for every row."
        )
    lines.append(
        "New: every row under constants, learners and references. `sees` is what a "
        "decision rests on; without accounts their concentration is pro-rata, B/U."
    )
    lines += event.notes
    learners = [score for score in result.scores if score.entry.role is Role.learner]
    if learners and result.event.horizons:
        count = len(evaluations())
        lines.append(
            f"No row is blind: the rounds have been seen, and {count} learner "
            "configurations were evaluated on them while developing."
        )
    reported: dict[str, list[str]] = {}
    for score in result.scores:
        if score.status != RESULTS[RESULTS.successful]:
            reported.setdefault(score.status, []).append(score.entry.name)
    lines += [
        f"Reported by {', '.join(names)}: {status}."
        for status, names in reported.items()
    ]
    lines += [f"Source: {source}." for source in event.sources]
    console.print()
    for line in lines:
        console.print(line, highlight=False, markup=False)
