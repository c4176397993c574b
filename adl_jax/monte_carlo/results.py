"""What a Monte Carlo run returns: rows, in memory or in a folder."""

import json
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from adl_jax.brief import count, named
from adl_jax.inert import shown
from adl_jax.monte_carlo.store import (
    MANIFEST,
    STOPPED,
    read_manifest,
    require_whole,
    rows_of,
)
from adl_jax.result import InputError


class Results:
    """Rows of a run, one for each scenario and policy (`rows.COLUMNS`).

    **Arguments:** `tables`: in memory; or `folder`: where the files are. Rows of a folder
    are read when they are asked for, a column at a time if that is all that is asked.

    **Example:**

    ```python
    >>> import jax, adl_jax
    >>> from adl_jax.scenario import scenarios
    >>> policy = adl_jax.Policy(adl_jax.severity.Fixed(1), adl_jax.ProRata())
    >>> results = adl_jax.monte_carlo(
    ...     jax.random.key(0), scenarios["calm"](num_accounts=60), {"all": policy}, 4
    ... )
    >>> print(results.column("unpaid")["all"].sum())
    0.0

    ```
    """

    def __init__(
        self,
        *,
        tables: list[pa.Table] | None = None,
        folder: Path | None = None,
        manifest: dict[str, Any] | None = None,
    ):
        """Remembers where the rows are."""
        self._tables, self.folder = tables, folder
        self.manifest = manifest or {}

    @property
    def policies(self) -> list[str]:
        """Names, in the order they ran."""
        return list(self.manifest["policies"])

    @property
    def num_scenarios(self) -> int:
        """How many scenarios there are."""
        return int(self.manifest["num_scenarios"])

    def to_arrow(self, columns: list[str] | None = None) -> pa.Table:
        """All rows, or the given columns of them, sorted by scenario."""
        if self._tables is not None:
            table = pa.concat_tables(self._tables)
            return table if columns is None else table.select(columns)
        assert self.folder is not None
        # Not `rows-*`: a file with another name is not one of ours.
        files = sorted(self.folder.glob("rows-" + "[0-9]" * 12 + ".parquet"))
        return ds.dataset(files, format="parquet").to_table(columns=columns)

    def to_pandas(self, columns: list[str] | None = None) -> pd.DataFrame:
        """The same as a data frame."""
        return self.to_arrow(columns).to_pandas()

    def to_xarray(self) -> Any:
        """Variables over `scenario` and `policy`; needs the package xarray."""
        import xarray as xr

        frame = self.to_pandas()
        frame["policy"] = frame["policy"].astype(str)
        return xr.Dataset.from_dataframe(frame.set_index(["scenario", "policy"]))

    @property
    def tilted(self) -> bool:
        """Whether rare scenarios were drawn more often, so that rows have weights."""
        return bool(self.manifest.get("tilted", False))

    def weights(self) -> np.ndarray | None:
        """What each scenario counts for; `None` where all count the same.

        For `adl_jax.statistics`' `weighted_` functions.
        """
        if not self.tilted:
            return None
        logarithm = self.column("log_weight", as_drawn=True)
        return np.exp(logarithm[self.policies[0]])

    def column(self, name: str, *, as_drawn: bool = False) -> dict[str, np.ndarray]:
        """A column of every policy, in float64 and in the order of the scenarios.

        **Arguments:** `as_drawn`: whether the caller counts tilted scenarios with their
        `weights`.

        **Raises:** `InputError` where they are tilted and the caller does not say so: a
        plain statistic of them would be of another law.
        """
        if self.tilted and not as_drawn:
            raise InputError(
                f"column {name!r} is of tilted scenarios, which count for their weights; "
                "fix: pass as_drawn=True, and use the weighted_ functions of "
                "adl_jax.statistics with results.weights(), or summarise(results)"
            )
        table = self.to_arrow(["policy", name])
        values = table[name].to_numpy().astype(np.float64)
        count = len(self.policies)
        return {policy: values[i::count] for i, policy in enumerate(self.policies)}

    def __repr__(self) -> str:
        """Sizes and policies."""
        folder = "" if self.folder is None else f", in {shown(str(self.folder))}"
        tilted = ", tilted" if self.tilted else ""
        scenarios = count(self.num_scenarios, "scenario")
        return f"Results({scenarios}{tilted}, policies {named(self.policies)}{folder})"

    def _repr_html_(self) -> str:
        """The summary as a table, a column a policy; for notebooks."""
        # The summary is made of results.
        from adl_jax.monte_carlo.summary import summarise

        summary = summarise(self)
        table = summary.pivot(index="figure", columns="policy", values="value")
        table = table.loc[summary["figure"].unique(), list(self.policies)]
        table.columns = [shown(name) for name in self.policies]
        text = table.to_html(escape=True, float_format=lambda value: f"{value:,.4g}")
        return f"<p>{escape(repr(self))}</p>{text}"


def read_results(folder: Path | str) -> Results:
    """Opens the folder of a run.

    **Raises:** `InputError` where it holds no run, or one that is not finished.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if manifest is None:
        raise InputError(
            f"{folder}: holds no run ({MANIFEST} is missing); fix: give the --out of "
            "adl-jax simulate"
        )
    stopped = folder / STOPPED
    if stopped.is_file():
        manifest |= json.loads(stopped.read_text(encoding="utf-8"))
    size, count = manifest["batch_size"], manifest["num_scenarios"]
    firsts = range(0, count, size)
    missing = [first for first in firsts if not rows_of(folder, first).is_file()]
    if missing:
        raise InputError(
            f"{folder}: {len(missing)} of {-(-count // size)} batches are missing, the "
            f"first from scenario {missing[0]}; fix: --resume"
        )
    for first in firsts:
        rows = min(size, count - first) * len(manifest["policies"])
        require_whole(rows_of(folder, first), rows)
    return Results(folder=folder, manifest=manifest)
