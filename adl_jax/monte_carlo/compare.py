"""Runs side by side: every figure of every policy, and how far apart they are."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from adl_jax.monte_carlo.results import Results
from adl_jax.monte_carlo.store import FORMAT, flattened
from adl_jax.monte_carlo.summary import MEAN, PROBABILITY, Figure, at_risk, figure
from adl_jax.result import InputError
from adl_jax.statistics import Estimate, paired_difference, weighted_mean


Column = Float[np.ndarray, " scenarios"]
FIGURES = (
    "probability_of_adl",
    "probability_of_fund_depletion",
    "probability_of_unpaid_debt",
    "needed_mean_usd",
    "executed_mean_usd",
    "overshoot_mean_usd",
    "unpaid_mean_usd",
    "unpaid_var_99_usd",
    "unpaid_es_99_usd",
    "concentration_mean",
)
"""What is compared, figures of `summary.FIGURES` in the order of a table's lines."""
_LEVEL = 0.99

# What random numbers follow from, beside the scenario's number.
_DRAWS = "key"
# What is the same where scenario i is the same crash.
_SCENARIOS = ("key", "scenario_hash", "dtype")


class Entry(NamedTuple):
    """A policy of a run, under the name that it has beside the others'."""

    name: str
    policy: str
    run: int


def compare(results: Sequence[Results], reference: str | None = None) -> pd.DataFrame:
    """Every policy of several runs, and its difference to one of them.

    Scenario i of two runs with one key is drawn from the same random numbers, so its
    values are paired, and most of the noise of either cancels. Runs with other keys are
    independent: their differences have wider intervals, made from those of both values
    (Zou and Donner, 2008).

    **Arguments:**

    - `results`: one or several. The same policy on the same scenarios is shown once. A
        name that stands for several has its run before it, `RUN/NAME`: the folder's name,
        or the run's place in the list.
    - `reference`: the name of the policy that others are compared to; the first of the
        first run if not given.

    **Returns:** one row for each policy and figure (`FIGURES`):

    - `policy`, `figure`, `value`, `low`, `high`, `scenarios`: as in `summarise`.
    - `difference`, `difference_low`, `difference_high`: value less the reference's, with
        its 95 % interval; NaN for the reference itself, and where values are paired for
        the value at risk.
    - `pairing`: `"same scenarios"`; `"same draws"`: paired, but other rules or another
        crash are made of the draws; `"independent"`; or empty for the reference.
    - `paired_scenarios`: how many pairs there are; 0 where independent.

    **Raises:** `InputError` without a run, for one of another format, an unknown
    reference, or fewer than two scenarios.

    **Cost:** a few columns of all policies of two runs are in memory at a time.

    **Example:**

    ```python
    >>> import jax, adl_jax
    >>> from adl_jax.scenario import scenarios
    >>> some = lambda share: adl_jax.Policy(
    ...     adl_jax.severity.Fixed(share), adl_jax.ProRata()
    ... )
    >>> run = adl_jax.monte_carlo(
    ...     jax.random.key(0), scenarios["default"](num_accounts=60),
    ...     {"half": some(0.5), "all": some(1.0)}, 4,
    ... )
    >>> table = adl_jax.compare([run]).set_index(["policy", "figure"])
    >>> bool(table.loc[("all", "executed_mean_usd"), "difference"] > 0)
    True

    ```
    """
    entries = _entries(results)
    chosen = _reference(entries, reference)
    weights = [one.weights() for one in results]
    pairings = [_pairing(results[chosen.run].manifest, one.manifest) for one in results]
    _require_same_weights(weights, pairings, chosen.run, run_names(results))
    rows = []
    for name in FIGURES:
        what = figure(name)
        base = _values(results[chosen.run], what)[chosen.policy]
        base_value = what.statistic.of(base, weights[chosen.run])
        for run in sorted({entry.run for entry in entries}):
            values, pairing = _values(results[run], what), pairings[run]
            weight = weights[run]
            for entry in (entry for entry in entries if entry.run == run):
                sample = values[entry.policy]
                value = what.statistic.of(sample, weight)
                difference, pairs = None, 0
                if entry != chosen and pairing == "independent":
                    difference = independent_difference(value, base_value)
                elif entry != chosen:
                    pairs = min(len(sample), len(base))
                    counts = None if weight is None else weight[:pairs]
                    difference = _paired(what, sample[:pairs], base[:pairs], counts)
                rows.append({
                    "policy": entry.name,
                    "figure": name,
                    **_named(value, ""),
                    "scenarios": value.count,
                    **_named(difference, "difference"),
                    "pairing": "" if entry == chosen else pairing,
                    "paired_scenarios": pairs,
                })  # fmt: skip
    frame = pd.DataFrame(rows)
    order = {entry.name: place for place, entry in enumerate(entries)}
    return frame.sort_values(
        "policy", key=lambda names: names.map(order), kind="stable", ignore_index=True
    )


def _paired(
    what: Figure, first: np.ndarray, second: np.ndarray, weights: Column | None
) -> Estimate | None:
    r"""The difference of a figure on the same draws, where it is a mean of differences.

    Expected shortfall is $c+E[(X-c)_+]/(1-p)$ and to first order c does not matter, as in
    `statistics.expected_shortfall`; a value at risk is no mean.
    """
    if what.statistic in (MEAN, PROBABILITY):
        return _mean_difference(first.astype(float), second.astype(float), weights)
    if what.name != "unpaid_es_99_usd":
        return None
    least, other = (
        float(at_risk(_LEVEL).of(values, weights).value) for values in (first, second)
    )
    excess, others = (
        np.maximum(values - start, 0) / (1 - _LEVEL)
        for values, start in ((first, least), (second, other))
    )
    return _mean_difference(excess, others, weights).shifted(least - other)


def _mean_difference(first: Column, second: Column, weights: Column | None) -> Estimate:
    if weights is None:
        return paired_difference(first, second)
    return weighted_mean(first - second, weights)


def _require_same_weights(
    weights: Sequence[Column | None],
    pairings: Sequence[str],
    chosen: int,
    names: Sequence[str],
) -> None:
    """One seed under two tilts gives draws that are neither paired nor independent."""
    ours = weights[chosen]
    for name, theirs, pairing in zip(names, weights, pairings, strict=True):
        if pairing == "independent" or (ours is None and theirs is None):
            continue
        count = min(len(one) for one in (ours, theirs) if one is not None)
        if ours is None or theirs is None or (ours[:count] != theirs[:count]).any():
            raise InputError(
                f"{name} and {names[chosen]} have one seed and other weights: their "
                "scenarios are tilted otherwise; fix: give one of them another seed"
            )


def independent_difference(first: Estimate, second: Estimate) -> Estimate:
    """`first` less `second`, two estimates from independent scenarios.

    Zou and Donner (2008): the distances from the values to the ends of their intervals
    add in squares. For means it is Welch's interval to first order, for probabilities
    Newcombe's (1998).
    """
    value = np.subtract(first.value, second.value)
    down = np.hypot(first.value - first.low, second.high - second.value)
    up = np.hypot(first.high - first.value, second.value - second.low)
    return Estimate(
        float(value),
        float(value - down),
        float(value + up),
        float(np.hypot(first.standard_error, second.standard_error)),
        int(min(first.count, second.count)),
    )


def differences(results: Sequence[Results]) -> dict[str, list[Any]]:
    """What differs between runs: a value for each of them, by its dotted name.

    From the manifests: configurations key by key, then key, hash of the scenario, number
    of scenarios, dtype, versions and device. `None` where a run has no such key.
    """
    whole = ("configuration", *_SCENARIOS, "num_scenarios", "versions", "device")
    flat = [
        flattened({name: one.manifest.get(name) for name in whole}) for one in results
    ]
    names = dict.fromkeys(name for values in flat for name in values)
    table = {name: [values.get(name) for values in flat] for name in names}
    return {
        name: values
        for name, values in table.items()
        if any(value != values[0] for value in values[1:])
    }


def run_names(results: Sequence[Results]) -> list[str]:
    """A name for each run: its folder's, as much of the path as tells them apart."""
    paths = [
        (f"run {place + 1}",) if one.folder is None else one.folder.resolve().parts
        for place, one in enumerate(results)
    ]
    for length in range(1, max(map(len, paths), default=1)):
        names = ["/".join(path[-length:]) for path in paths]
        if len(set(names)) == len(set(paths)):
            return names
    return ["/".join(path) for path in paths]


def _entries(results: Sequence[Results]) -> list[Entry]:
    if not results:
        raise InputError("compare: give one run or more")
    names = run_names(results)
    seen, kept = set(), []
    for run, one in enumerate(results):
        found = one.manifest.get("format")
        if found != FORMAT:
            raise InputError(
                f"{names[run]}: has format {found}, this version reads {FORMAT}; fix: "
                "run it again, or compare with the version that it was made by"
            )
        scenarios = (
            *(str(one.manifest[name]) for name in _SCENARIOS),
            one.num_scenarios,
        )
        for policy in one.policies:
            what = policy, one.manifest["policy_hashes"][policy], *scenarios
            if what not in seen:
                seen.add(what)
                kept.append((policy, run))
    count = Counter(policy for policy, _ in kept)
    return [
        Entry(policy if count[policy] == 1 else f"{names[run]}/{policy}", policy, run)
        for policy, run in kept
    ]


def _reference(entries: Sequence[Entry], asked: str | None) -> Entry:
    if asked is None:
        return entries[0]
    for entry in entries:
        if entry.name == asked:
            return entry
    raise InputError(
        f"no policy is called {asked!r}; fix: choose one of "
        f"{', '.join(entry.name for entry in entries)}"
    )


def _values(results: Results, what: Figure) -> dict[str, np.ndarray]:
    columns = [results.column(name, as_drawn=True) for name in what.columns]
    return {
        policy: what.values(*(column[policy] for column in columns))
        for policy in results.policies
    }


def _pairing(first: dict[str, Any], second: dict[str, Any]) -> str:
    if first[_DRAWS] != second[_DRAWS]:
        return "independent"
    same = all(first[name] == second[name] for name in _SCENARIOS)
    return "same scenarios" if same else "same draws"


def _named(estimate: Estimate | None, prefix: str) -> dict[str, Any]:
    low, high = (f"{prefix}_{end}" if prefix else end for end in ("low", "high"))
    if estimate is None:
        return {prefix or "value": np.nan, low: np.nan, high: np.nan}
    return {prefix or "value": estimate.value, low: estimate.low, high: estimate.high}
