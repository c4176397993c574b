"""What is known of each venue's rules, from which text and how surely."""

import csv
from importlib import resources


def venue_facts() -> dict[str, dict[str, str]]:
    """One row for each venue preset, from `adl_jax/data/venues.csv`.

    **Returns:** by name of the preset, text in these fields:

    - `venue`, `as_of`, `source`, `confidence`; `incomplete`: `yes` where the evidence is
        weak or a rule that decides when ADL starts is not modelled, else `no`.
    - `settlement`, `close_price`, `score`: the preset's own, by name; the score is `none`
        where the venue ranks nobody. `allocation`: the function of `adl_jax.allocation`
        that the venue runs, and `weight` what it is weighted by.
    - `scope`, `trigger`, `stop`, `price_rule`, `size_rule`: the rules as documented.
    - `ambiguity`: where documents can be read in two ways; `approximation`: where the
        preset does something else than the document.
    """
    table = resources.files("adl_jax").joinpath("data", "venues.csv")
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return {row.pop("name"): row for row in rows}
