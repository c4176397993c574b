"""What commands share: formats, failures, and compiled programs that are kept."""

import os
import sys
from enum import Enum
from math import isfinite
from typing import Annotated, Any, NoReturn

import typer


class Format(Enum):
    """How results are printed."""

    table = "table"
    json = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="Print tables or JSON.")]


def without_nan(rows: list[dict[Any, Any]]) -> list[dict[Any, Any]]:
    """JSON has neither NaN nor infinity: such numbers are null."""
    return [
        {
            name: None if isinstance(value, float) and not isfinite(value) else value
            for name, value in row.items()
        }
        for row in rows
    ]


def keep_programs() -> None:
    """Keeps compiled programs in the user's cache folder, for the next run.

    jax's own variables have their way: JAX_COMPILATION_CACHE_DIR chooses a folder,
    JAX_ENABLE_COMPILATION_CACHE=0 keeps nothing.
    """
    import jax
    from platformdirs import user_cache_path

    chosen = jax.config.values["jax_compilation_cache_dir"]
    # Older releases warn of a crash at every program that they load from a folder
    # (openxla/xla#44565), and nothing in Python can silence them.
    if jax.__version_info__ < (0, 12) or chosen:
        return
    folder = user_cache_path("adl_jax", appauthor=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def use_every_processor() -> None:
    """Makes each processor a device, before anything asks for one: they split scenarios."""
    import jax

    if "jax_num_cpu_devices" in jax.config.values:
        jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)


def fail(message: str) -> NoReturn:
    """Says what is wrong and ends with code 2."""
    print(f"error: {message}", file=sys.stderr)
    raise typer.Exit(2)
