"""Where the numbers come from: calibration, configuration, versions, command."""

import json
from typing import Any

from adl_jax.config import Configuration, configuration_hash, to_toml
from adl_jax.inert import shown
from adl_jax.monte_carlo import Results
from adl_jax.report.chart import Cell, Table, text
from adl_jax.report.section import Section
from adl_jax.scenario.calibration import facts


_LONGEST = 2000


def calibration() -> Section:
    """Every constant that samplers are calibrated to, with its source."""
    rows = tuple(
        (text(name), Cell(f"{fact.value:,.12g}", fact.value), *map(text, fact[1:]))
        for name, fact in facts().items()
    )
    headings = ("constant", "value", "source", "note")
    table = Table("calibration", f"{len(rows)} constants", headings, rows, folded=True)
    says = (
        "The constants that come with the package, and are the defaults of a "
        "configuration; what this run was given stands in its configuration below.",
    )
    return Section("calibration", "Calibration", says, tables=(table,))


def reproducibility(
    results: Results, configuration: Configuration | None, checked: str
) -> Section:
    """What the run was, and how to have it again.

    **Arguments:** `checked`: what came of running some scenarios again.
    """
    manifest = results.manifest
    facts = {
        "scenarios": f"{results.num_scenarios:,}",
        "batch size": manifest.get("batch_size"),
        "key": manifest.get("key"),
        "dtype": manifest.get("dtype"),
        "configuration, SHA-256": configuration and configuration_hash(configuration),
        "scenario, hash": manifest.get("scenario_hash"),
        **{
            f"policy {name}, hash": value
            for name, value in manifest.get("policy_hashes", {}).items()
        },
        **manifest.get("versions", {}),
        "python": manifest.get("python"),
        "device": f"{manifest.get('device')} ({manifest.get('backend')})",
        "tilted": "yes" if results.tilted else "no",
    }
    rows = tuple(
        (text(name), text("-" if value is None else str(value)))
        for name, value in facts.items()
    )
    tables = (Table("reproducibility", "The run", ("what", "value"), rows),)
    if configuration is None:
        listing = (("manifest.json", _inert(_json(manifest))),)
        says = (
            "The run was started from Python and its manifest has no configuration: the "
            "hashes say whether a scenario and its policies are the same.",
        )
        return Section("reproducibility", "Reproducibility", says, (), tables, listing)
    command = (
        f"adl-jax simulate run.toml --scenarios {results.num_scenarios} "
        f"--batch-size {manifest.get('batch_size')} --out run\nadl-jax report run"
    )
    listing = (
        ("Commands", command),
        ("run.toml", _inert(to_toml(configuration))),
        ("manifest.json", _inert(_json(manifest))),
    )
    says = (
        "Save the configuration as run.toml and give the commands: rows are the same to "
        "rounding, and bit by bit with the same versions and device.",
        *([checked] if checked else []),
    )
    return Section("reproducibility", "Reproducibility", says, (), tables, listing)


def _json(manifest: dict[str, Any]) -> str:
    kept = {name: value for name, value in manifest.items() if name != "configuration"}
    return json.dumps(kept, indent=2, sort_keys=True)


def _inert(listing: str) -> str:
    return "\n".join(shown(line, _LONGEST) for line in listing.splitlines())
