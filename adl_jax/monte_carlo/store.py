"""A run's folder: a manifest, and one Parquet file a batch, each whole or not there."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adl_jax.monte_carlo.rows import COLUMNS
from adl_jax.result import InputError
from adl_jax.tables import written_whole


MANIFEST = "manifest.json"
STOPPED = "stopped.json"
"""There where a run ended before its last scenario, because a figure was known."""
FORMAT = 3
PATIENCE = 600.0
"""Seconds for which no other process may have written a batch."""
_WHOLE = {"scenario": pa.int64(), "status": pa.int32()}


def schema(dtype: Any) -> pa.Schema:
    """Columns of a run's files: scenario, policy, and those of `COLUMNS`."""
    number = pa.from_numpy_dtype(np.dtype(dtype))
    fields = [
        pa.field("scenario", pa.int64()),
        pa.field("policy", pa.dictionary(pa.int16(), pa.string())),
    ]
    fields += [pa.field(name, _WHOLE.get(name, number)) for name in COLUMNS]
    return pa.schema(fields)


def as_table(
    first: int, rows: dict[str, dict[str, np.ndarray]], dtype: Any
) -> pa.Table:
    """Rows of a batch, scenario by scenario and in each policy by policy."""
    names = list(rows)
    count = len(next(iter(rows[names[0]].values())))
    scenario = np.repeat(np.arange(first, first + count), len(names))
    policy = pa.DictionaryArray.from_arrays(
        pa.array(np.tile(np.arange(len(names), dtype=np.int16), count)), names
    )
    columns = {"scenario": scenario, "policy": policy}
    for column in COLUMNS:
        stacked = np.stack([rows[name][column] for name in names], axis=1)
        columns[column] = stacked.reshape(-1)
    return pa.table(columns, schema=schema(dtype))


class Store:
    """A folder that holds a run; every file is written under another name and renamed.

    **Arguments:** `folder`; `identity`: what the run is (configuration, seed, versions,
    batch size); `resume`: whether to go on with what is there. An empty folder starts
    fresh either way. `waits`: for the processes that share a folder with one that starts
    the run.

    **Raises:** `InputError` where the folder holds something else, another run, or a file
    that is not whole, and where it is to be resumed and is not asked to be.
    """

    def __init__(
        self,
        folder: Path,
        identity: dict[str, Any],
        *,
        resume: bool,
        waits: bool = False,
    ):
        """Checks the folder and writes the manifest."""
        self.folder = folder
        if waits:
            _wait_for(folder / MANIFEST)
        there = read_manifest(folder)
        if there is None:
            _require_empty(folder)
            with written_whole(folder / MANIFEST) as temporary:
                text = json.dumps(identity, indent=2, sort_keys=True, allow_nan=False)
                temporary.write_text(text + "\n", encoding="utf-8")
            return
        if not (resume or waits):
            raise InputError(
                f"{folder}: holds a run already; fix: --resume to go on with it, or "
                "another --out"
            )
        changed = _differences(there, identity)
        if changed:
            raise InputError(
                f"{folder}: holds another run, which differs in {'; '.join(changed)}; "
                "fix: run with what it was started with, or choose another --out"
            )

    def remove_leftovers(self) -> None:
        """Deletes what a killed process was writing: never read, and written again."""
        for left_over in self.folder.glob(".rows-*"):
            left_over.unlink()

    def path(self, first: int) -> Path:
        """The file of the batch that starts with scenario `first`."""
        return rows_of(self.folder, first)

    def has(self, first: int, count: int, policies: int) -> bool:
        """Whether a batch is there.

        **Raises:** `InputError` where its file is not whole, or not as it was written.
        """
        path = self.path(first)
        if not path.exists():
            return False
        require_whole(path, count * policies)
        return True

    def write(self, first: int, table: pa.Table) -> None:
        """Writes a batch."""
        with written_whole(self.path(first)) as temporary:
            pq.write_table(
                table, temporary, compression="zstd", write_page_checksum=True
            )

    def read(self, first: int) -> pa.Table:
        """The batch that starts with scenario `first`."""
        return pq.read_table(self.path(first), page_checksum_verification=True)

    def wait_for(self, firsts: Iterable[int]) -> None:
        """Waits until all batches are there, which other processes write.

        **Raises:** `InputError` where none has come for `PATIENCE` seconds.
        """
        missing, since = list(firsts), time.monotonic()
        while missing := [first for first in missing if not self.path(first).exists()]:
            count = len(missing)
            time.sleep(0.05)
            if sum(not self.path(first).exists() for first in missing) < count:
                since = time.monotonic()
            elif time.monotonic() - since > PATIENCE:
                raise InputError(
                    f"{self.folder}: {count} batches of other processes are missing, the "
                    f"first from scenario {missing[0]}, and none has come for "
                    f"{PATIENCE:.0f} s; fix: --resume, in any number of processes"
                )

    def note(self, name: str, values: dict[str, Any]) -> None:
        """Writes a JSON file beside the rows: what is measured, not what is computed."""
        with written_whole(self.folder / name) as temporary:
            text = json.dumps(values, indent=2, allow_nan=False)
            temporary.write_text(text + "\n", encoding="utf-8")


def rows_of(folder: Path, first: int) -> Path:
    """The file of the batch that starts with scenario `first`."""
    return folder / f"rows-{first:012d}.parquet"


def require_whole(path: Path, rows: int) -> None:
    """Reads a file of rows, checksums and all.

    **Raises:** `InputError` where it is not whole, or not as it was written.
    """
    again = "fix: delete it, and --resume computes its scenarios again"
    try:
        found = pq.read_table(path, page_checksum_verification=True).num_rows
    except (OSError, pa.ArrowException) as error:
        problem = str(error).splitlines()[0]
        raise InputError(
            f"{path}: not a whole Parquet file ({problem}); {again}"
        ) from error
    if found != rows:
        raise InputError(f"{path}: has {found} rows, not {rows}; {again}")


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """What a folder's run is; `None` where there is none.

    **Raises:** `InputError` for a manifest that cannot be read, or of another format.
    """
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}); fix: choose another folder"
        ) from error
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if found != FORMAT:
        raise InputError(
            f"{path}: has format {found}, this version reads {FORMAT}; fix: run it again "
            "into another folder"
        )
    return manifest


def _wait_for(path: Path, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > end:
            raise InputError(
                f"{path}: not there after {seconds:.0f} s; fix: start process 0, which "
                "writes it, on the same folder"
            )
        time.sleep(0.05)


def _require_empty(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: not a folder; fix: choose another --out")
    if folder.exists() and any(folder.iterdir()):
        raise InputError(
            f"{folder}: not empty, and no run of ours; fix: choose another --out"
        )


def _differences(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    there, here = flattened(there), flattened(json.loads(json.dumps(here)))
    return [
        f"{name} ({there.get(name)!r} there, {here.get(name)!r} now)"
        for name in dict.fromkeys([*there, *here])
        if there.get(name) != here.get(name)
    ]


def flattened(values: Any, name: str = "") -> dict[str, Any]:
    """Nested values by dotted names; policies and markets by their own."""
    if isinstance(values, dict):
        items = {str(key): value for key, value in values.items()}
    elif isinstance(values, list) and any(isinstance(one, dict) for one in values):
        # They may stand in another order.
        items = {str(one.get("name", place)): one for place, one in enumerate(values)}
    else:
        return {name: values}
    flat = {}
    for key, value in items.items():
        flat |= flattened(value, f"{name}.{key}" if name else key)
    return flat
