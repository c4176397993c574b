"""`adl-jax doctor`: whether this machine computes right."""

import json

import typer

from adl_jax.cli.shared import Format, FormatOption


def _called(plugin: dict[str, str]) -> str:
    where = f"{plugin['distribution']} {plugin['version']}"
    return f"{plugin['name']} in {plugin['group']}, {where}"


def doctor(format: FormatOption = Format.table) -> None:
    """Show versions, devices and plug-ins, and check that this machine computes right."""
    from adl_jax.doctor import examine

    found = examine()
    if format is Format.json:
        print(json.dumps(found, allow_nan=False, indent=2))
    else:
        lines = [
            ("python", f"{found['python']} on {found['platform']}"),
            *found["versions"].items(),
            ("backend", f"{found['backend']}: {', '.join(found['devices'])}"),
            ("known-bad release", "; ".join(found["known_bad"]) or "no"),
            (
                "guard computation",
                f"wrong at sizes {found['guard_wrong_sizes']}"
                if found["guard_wrong_sizes"]
                else "right",
            ),
            (
                "float32 against float64",
                f"{found['float32_relative_error']:.1e} of the deficit at most, "
                "October 10 replay",
            ),
            *(
                ("plug-in", f"{_called(plugin)}: {plugin['problem'] or 'works'}")
                for plugin in found["plugins"]
            ),
            ("verdict", "healthy" if found["healthy"] else "NOT to be trusted"),
        ]
        for name, value in lines:
            print(f"{name:24} {value}")
    if not found["healthy"]:
        raise typer.Exit(1)
