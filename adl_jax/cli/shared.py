"""What commands share: formats, failures, and compiled programs that are kept."""

import os
import platform
import re
import sys
from enum import Enum
from hashlib import sha256
from math import isfinite
from pathlib import Path
from shutil import which
from subprocess import DEVNULL, PIPE, Popen
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

    if jax.config.values["jax_compilation_cache_dir"]:
        return
    if not jax.config.values["jax_enable_compilation_cache"]:
        return
    # Programs are compiled for a processor, and a home may be shared by several kinds.
    folder = user_cache_path("adl_jax", appauthor=False) / _processor()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(folder, os.W_OK):
        return
    if jax.__version_info__ < (0, 12) and not _without_false_alarms():
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _processor() -> str:
    """A short name of what this processor can do."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    abilities = [line for line in lines if line.startswith(("flags", "Features"))][:1]
    text = "".join([platform.machine(), platform.processor(), *abilities])
    return f"{platform.machine()}-{sha256(text.encode()).hexdigest()[:8]}"


def _without_false_alarms() -> bool:
    """Hides what older releases of jaxlib say of every program that they load.

    They warn of a crash that does not happen (openxla/xla#44565), in C++, where only a
    variable set before Python started could silence them. All else passes.
    """
    filter = which("grep")
    if filter is None:
        return False
    shown = os.dup(2)
    # Python itself writes past the filter, so that a terminal is still a terminal.
    sys.stderr = os.fdopen(shown, "w", encoding="utf-8", errors="replace", buffering=1)
    command = [filter, "-v", "--line-buffered", "cpu_aot_loader.cc"]
    # Its own session: Ctrl-C must not end it before what it would pass on.
    passes = Popen(
        command, stdin=PIPE, stdout=shown, stderr=DEVNULL, start_new_session=True
    )
    assert passes.stdin is not None
    os.dup2(passes.stdin.fileno(), 2)
    passes.stdin.close()
    return True


def use_every_processor() -> None:
    """Makes each processor a device, before anything asks for one: they split scenarios."""
    import jax

    if "jax_num_cpu_devices" in jax.config.values:
        jax.config.update("jax_num_cpu_devices", _processors())


def _processors() -> int:
    """How many this process may use, which is fewer than there are in a container."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def join_processes(process: str | None) -> bool:
    """Makes this process one of several, and says whether it is the one that prints.

    **Arguments:** `process`: `I/N@HOST:PORT`, counted from 0, or `auto`, where SLURM, Open
    MPI or a cloud's own variables say the same; `None` for the only one.
    """
    import jax

    if process is None:
        return True
    if process == "auto":
        jax.distributed.initialize()
    else:
        found = re.fullmatch(r"(\d+)/(\d+)@(.+:\d+)", process)
        if found is None or int(found[1]) >= int(found[2]):
            fail(
                f"--process {process}: give I/N@HOST:PORT with I from 0 to N - 1, as in "
                "0/2@127.0.0.1:1234, or auto"
            )
        jax.distributed.initialize(found[3], int(found[2]), int(found[1]))
    return jax.process_index() == 0


def fail(message: str) -> NoReturn:
    """Says what is wrong and ends with code 2; a path in it may hold anything."""
    from adl_jax.inert import shown

    lines = (shown(line, len(line)) for line in message.split("\n"))
    print("error:", "\n".join(lines), file=sys.stderr)
    raise typer.Exit(2)


def fail_writing(error: OSError) -> NoReturn:
    """The same, where a file could not be read or written."""
    place = f"{error.filename}: {error.strerror}" if error.filename else error
    fail(f"{place}; fix: choose another path")
