"""The generated parts of experiments/README.md.

`python -m experiments.readme` writes them, from the catalogue and from what is in
`experiments/results/paper`; a test holds the page to them.
"""

import importlib
import inspect
from pathlib import Path

import pandas as pd

from benchmarks.tables import with_parts
from experiments.catalogue import EXHIBITS, EXPERIMENTS, Experiment
from experiments.paper.agreement import cells
from experiments.paper.exhibit import RESULTS


PAGE = Path(__file__).with_name("README.md")


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines) + "\n"


def catalogue() -> str:
    """One row an experiment: command, input, runtime and result."""
    rows = [
        [
            f"[{one.name}](#{one.name})" if one in EXHIBITS else one.name,
            one.shows,
            f"`python {' '.join(one.command)}`",
            one.tables.value,
            "not recorded" if one.seconds is None else f"{one.seconds:,.0f} s",
            ", ".join(f"`{file}`" for file in one.result),
        ]
        for one in EXPERIMENTS
    ]
    head = ["name", "shows", "command", "public tables", "runtime", "result"]
    return _table(head, rows)


def exhibits() -> str:
    """A section an exhibit: what it is, the figure, and the comparison."""
    return "\n".join(map(_section, EXHIBITS))


def _section(one: Experiment) -> str:
    module = importlib.import_module(one.command[1])
    title, _, text = (inspect.getdoc(module) or "").partition("\n\n")
    parts = [f"### {one.name}", f"**{title}**", text]
    if (RESULTS / f"{one.name}.png").exists():
        parts.append(f"![{title}](results/paper/{one.name}.png)")
    found = pd.read_csv(
        RESULTS / f"{one.name}_agreement.csv",
        dtype={name: str for name in ("published", "unit", "note")},
    )
    found = found.fillna({"unit": "", "note": ""})
    rows = [
        [
            row["quantity"],
            *cells(row),
            row["verdict"],
            row["where"],
        ]
        for row in found.to_dict("records")
    ]
    head = ["quantity", "published", "ours", "difference", "tolerance", "verdict", "in"]
    notes = [
        f"- {row['quantity']}: {row['note']}."
        for row in found.to_dict("records")
        if row["note"] and not row["quantity"].endswith("every entry")
    ]
    parts.append(_table(head, rows).rstrip())
    if notes:
        parts.append("\n".join(notes))
    return "\n\n".join(parts) + "\n"


PARTS = {"catalogue": catalogue, "exhibits": exhibits}


def written(page: str) -> str:
    """The page with its generated parts replaced."""
    return with_parts(page, {name: make() for name, make in PARTS.items()})


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
