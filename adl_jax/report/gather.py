"""Everything that a report shows, from a run's folder."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from adl_jax.config import Built, Configuration, build
from adl_jax.config.configuration import ZERO
from adl_jax.fingerprint import fingerprint
from adl_jax.inert import shown
from adl_jax.io import read_book
from adl_jax.monte_carlo import Results, reverse_stress, summarise
from adl_jax.monte_carlo.store import FORMAT
from adl_jax.monte_carlo.summary import MEAN
from adl_jax.policy import AbstractPolicy
from adl_jax.report import about, from_examples, from_rows, from_stress
from adl_jax.report.executive import executive
from adl_jax.report.from_examples import Examples
from adl_jax.report.run_again import Watched, run_again
from adl_jax.report.section import Run, Section
from adl_jax.report.what_if import stress
from adl_jax.result import InputError


# What is run again is bounded in accounts, whatever the size of the book.
_EXAMPLES, _EXAMPLE_ACCOUNTS = 200, 1_000_000
_STRESSED, _STRESSED_ACCOUNTS = 128, 200_000
_SEARCHED, _FEWEST = 48, 8
_QUANTILES = {
    "median": 0.5,
    "1 in 4": 0.75,
    "1 in 10": 0.9,
    "1 in 20": 0.95,
    "1 in 100": 0.99,
    "worst": 1.0,
}
_SEVERE = "1 in 100"
_FUNDS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
_TITLES = {
    "fund": "Fund drawdown",
    "haircuts": "Haircuts",
    "lorenz": "Who pays",
    "shock_depth": "Shock and depth",
    "reverse_stress": "Reverse stress",
    "fund_size": "Fund size",
    "timeline": "One crash, round by round",
    "payers": "Accounts that pay most",
    "reliability": "How good the venue's indicator is",
}
"""Chapters that need scenarios to be run again."""
ORDER = (
    *("summary", "waterfall", "tails", "fund", "policies", "haircuts", "lorenz"),
    *("shock_depth", "reverse_stress", "fund_size", "timeline", "payers"),
    *("reliability", "convergence", "calibration", "reproducibility"),
)


class Report(NamedTuple):
    """A title and chapters, in the order of `ORDER`."""

    title: str
    sections: tuple[Section, ...]


def gather(results: Results, report: Callable[[str], None] = lambda _: None) -> Report:
    """Computes a report.

    Amounts of all scenarios are read a column at a time. What rows do not hold is seen by
    running a few scenarios again, from the configuration in the manifest; where there is
    none, or it builds something else now, those chapters say so.

    **Arguments:** `report`: called with what is done next.

    **Raises:** `InputError` for a run of another format, or fewer than two scenarios.
    """
    found = results.manifest.get("format")
    if found != FORMAT:
        raise InputError(
            f"the run has format {found}, this version reads {FORMAT}; fix: run it again, "
            "or report with the version that it was made by"
        )
    report("reading rows")
    summary = summarise(results)
    configuration = _configuration(results)
    built, why = _rebuilt(results, configuration)
    policies = {} if built is None else built.policies
    run = Run(results, leading(results, policies), policies)
    sections = [from_rows.waterfall(run, summary), from_rows.tails(run, summary)]
    sections += [from_rows.policies(run), from_rows.converged(run)]
    checked = ""
    if built is None:
        sections += [Section(*item, missing=why) for item in _TITLES.items()]
    else:
        again, checked = _again(run, built, configuration, report)
        sections += again
    sections += [
        about.calibration(),
        about.reproducibility(results, configuration, checked),
    ]
    by_name = {section.name: section for section in sections}
    by_name["summary"] = executive(run, summary, by_name.get("lorenz"))
    folder = results.folder
    title = "Monte Carlo run" if folder is None else folder.resolve().name
    return Report(title, tuple(by_name[name] for name in ORDER))


def leading(results: Results, policies: Mapping[str, AbstractPolicy]) -> str:
    """The policy that is looked into: least debt unpaid and least taken in vain, added.

    Of those that take something and act before they know what is needed, as far as the
    configuration tells. Where nobody takes anything, the first that may.
    """
    weights = results.weights()
    unpaid = results.column("unpaid", as_drawn=True)
    vain = results.column("overshoot", as_drawn=True)
    paid = results.column("executed", as_drawn=True)
    before = [
        name
        for name in results.policies
        if name not in policies or policies[name].information.ex_ante
    ]
    worth = {
        name: float(MEAN.of(unpaid[name] + vain[name], weights).value)
        for name in before
        if (paid[name] > 0).any()
    }
    if worth:
        return min(worth, key=worth.__getitem__)
    return next((name for name in before if name != ZERO), results.policies[0])


def _configuration(results: Results) -> Configuration | None:
    given = results.manifest.get("configuration")
    return None if given is None else Configuration.model_validate(given)


def _rebuilt(
    results: Results, configuration: Configuration | None
) -> tuple[Built | None, str]:
    """What the configuration builds, or why it is not what ran."""
    if configuration is None:
        return None, (
            "Left out: it needs scenarios to be run again, and the manifest has no "
            "configuration to run them from."
        )
    if results.tilted:
        return None, (
            "Left out: rare crashes were drawn more often, so that a few of them, run "
            "again, are no sample of what happens."
        )
    try:
        built = build(configuration)
    except InputError as error:
        said = shown(str(error), 1000)
        return None, f"Left out: the configuration cannot be built now ({said})."
    if fingerprint(built.scenario) != results.manifest["scenario_hash"]:
        return None, (
            "Left out: the configuration now builds another scenario than the one that "
            "ran, with another book or another version."
        )
    return built, ""


def _again(
    run: Run,
    built: Built,
    configuration: Configuration | None,
    report: Callable[[str], None],
) -> tuple[list[Section], str]:
    results, scenario = run.results, built.scenario
    key = jax.random.wrap_key_data(jnp.asarray(results.manifest["key"], jnp.uint32))
    accounts = jax.eval_shape(scenario.sample, key)[0].num_accounts
    devices = jax.local_device_count()
    within = lambda most, budget: max(min(most, budget // accounts), _FEWEST)
    report("running a few scenarios again")
    count = min(within(_EXAMPLES, _EXAMPLE_ACCOUNTS), results.num_scenarios)
    chosen, severe = _chosen(results, run.lead)
    labels = list(chosen.values())
    lead = run.policies[run.lead]
    watched = dict(run.policies)
    if lead.information.ex_ante:
        watched[run.lead] = Watched(lead, scenario.num_rounds)
    indices = [*range(count), *chosen]
    examples = run_again(key, scenario, watched, indices)
    sample = {
        name: jax.tree.map(lambda leaf: leaf[:count], example)
        for name, example in examples.items()
    }
    places = [count + place for place in range(len(chosen))]
    names = None
    if configuration is not None and configuration.book.folder is not None:
        book = configuration.book
        assert book.folder is not None
        names = read_book(book.folder, balanced=book.balanced).accounts
    paying = examples[run.lead] if names is None else sample[run.lead]
    sections = [
        from_examples.drawdown(run, sample[run.lead]),
        from_examples.haircuts(run, sample),
        from_examples.concentration(run, sample),
        from_examples.reliability(run, sample[run.lead]),
        from_examples.timeline(run, examples, places, labels, severe),
        from_examples.payers(
            run,
            paying,
            names,
            scenario.market.names or (),
            places[severe],
            labels[severe],
        ),
    ]
    report("changing shocks, depths and funds")
    several = within(_STRESSED, _STRESSED_ACCOUNTS) // devices * devices or devices
    funds = _fund_sizes(results, run.lead, float(scenario.venue.fund.balance.sum()))
    stressed = stress(key, scenario, lead, several, funds)
    sections += [
        from_stress.shock_and_depth(run, stressed),
        from_stress.fund_sizes(run, stressed),
    ]
    report("searching the smallest shocks that do harm")
    searched = min(several, _SEARCHED // devices * devices or devices)
    found = reverse_stress(
        key,
        scenario,
        {run.lead: lead},
        searched,
        fund_sizes=list(funds[:-1]),
        grid=16,
        steps=4,
        batch_size=searched,
    )
    sections.append(from_stress.frontier(run, found))
    return sections, _checked(results, examples, indices)


def _checked(results: Results, examples: Examples, indices: Sequence[int]) -> str:
    """How far rows of scenarios that were run again are from the run's own."""
    apart = 0.0
    for name in ("executed", "needed", "unpaid"):
        columns = results.column(name)
        for policy, example in examples.items():
            ours, theirs = example.row[name], columns[policy][list(indices)]
            scale = np.maximum(np.abs(theirs), 1)
            apart = max(apart, float(np.max(np.abs(ours - theirs) / scale)))
    return (
        f"{len(indices)} scenarios were run again for this report: what is needed, paid "
        f"and unpaid differs from the run's rows by {apart:.1g} of it at most."
    )


def _chosen(results: Results, lead: str) -> tuple[dict[int, str], int]:
    """Numbers of scenarios at quantiles of what was needed, with a label each.

    Also the place of the one that is shown first: severe, but not the very worst, in
    which more may be needed than the model can tell.
    """
    needed = results.column("needed", as_drawn=True)[lead]
    fall = results.column("fall", as_drawn=True)[lead]
    # Deeper falls last among scenarios that need the same, most often nothing.
    order = np.lexsort((-fall, needed))
    last = len(order) - 1
    at = {name: int(order[round(level * last)]) for name, level in _QUANTILES.items()}
    chosen = {
        index: f"{', '.join(name for name in at if at[name] == index)} (no. {index})"
        for index in dict.fromkeys(at.values())
    }
    return chosen, list(chosen).index(at[_SEVERE])


def _fund_sizes(results: Results, lead: str, own: float) -> np.ndarray:
    """Multiples of the fund; of the mean need where the fund is empty."""
    base = own or float(results.column("needed")[lead].mean()) or 1.0
    return base * np.array(_FUNDS)
