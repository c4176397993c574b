"""One table from a file or from memory: validated columns, every bad value reported."""

import csv
import difflib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.interchange import from_dataframe
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from adl_jax.inert import shown, uncell
from adl_jax.io.problems import Problems
from adl_jax.io.schema import HINTS, column_types, is_text


CHUNK = 65_536
# Few enough that lines are gone before the garbage collector, which looks after every
# 700 new objects, has to keep them.
LINES = 512


class Table(NamedTuple):
    """Validated columns of one table.

    - `name`: of the table, with the file's ending where it is a file.
    - `columns`: text as a list, numbers as float64. What is bad or missing is "" or NaN,
        and has been reported; an optional column that is not there is `None`.
    - `rows`: as a spreadsheet numbers them.
    - `whole`: whether every row was read.
    """

    name: str
    columns: dict[str, Any]
    rows: np.ndarray
    whole: bool


class Chunk(NamedTuple):
    """Some rows: their numbers, and a list of raw values a column."""

    rows: Sequence[int]
    columns: Sequence[Sequence[Any]]


Chunks: TypeAlias = tuple[list[str], Iterable[Chunk]]


def read_table(
    name: str, source: Any, model: type[BaseModel], problems: Problems
) -> Table:
    """Reads a table chunk by chunk.

    **Arguments:** `source`: a path, a pandas frame, or whatever speaks Arrow or the
    interchange protocol: a pyarrow or a polars table; `model`: a field a column;
    `problems`: takes what is wrong.
    """
    lost = _Lost(problems)
    if isinstance(source, Path):
        name = source.name
        text_is_marked = source.suffix.lower() == ".csv"
        header, chunks = _from_path(source, lost)
    else:
        text_is_marked = False
        header, chunks = _from_memory(name, source)
    types = column_types(model)
    found = _check_header(name, header, model, problems) if header else {}
    parts: dict[str, list[Any]] = {column: [] for column in found}
    rows: list[np.ndarray] = []
    for chunk in chunks:
        rows.append(np.asarray(chunk.rows, np.int64))
        for column, place in found.items():
            values, text = chunk.columns[place], is_text(types[column])
            if text and text_is_marked:
                values = [uncell(value) for value in values]
            valid = _validated(name, column, types[column], values, chunk, problems)
            parts[column].append(valid)
    numbers = np.concatenate([np.zeros(0, np.int64), *rows])
    if header and not numbers.size and not lost.rows:
        problems.add(name, "has no rows", "give at least one row below the header")
    columns: dict[str, Any] = {}
    for column, kind in types.items():
        text = is_text(kind)
        if column in found and text:
            columns[column] = [one for part in parts[column] for one in part]
        elif column in found:
            columns[column] = np.concatenate([np.zeros(0), *parts[column]])
        elif not model.model_fields[column].is_required():
            columns[column] = None
        else:
            filler = "" if text else np.nan
            columns[column] = (
                [filler] * numbers.size if text else np.full(numbers.size, filler)
            )
    return Table(name, columns, numbers, not lost.rows)


class _Lost:
    """Passes problems of whole rows on, and remembers that rows were lost."""

    def __init__(self, problems: Problems):
        self._problems = problems
        self.rows = False

    def add(self, table: str, problem: str, fix: str, **place: Any) -> None:
        self.rows = True
        self._problems.add(table, problem, fix, **place)


def _from_path(path: Path, lost: _Lost) -> Chunks:
    if path.suffix.lower() == ".parquet":
        try:
            file = pq.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            lost.add(
                path.name, f"no Parquet file ({error})", "write it anew, or as CSV"
            )
            return [], ()
        return list(file.schema_arrow.names), _of_batches(file.iter_batches(CHUNK))
    text = _text_of(path, lost)
    if text is None:
        return [], ()
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [one.strip() for one in next(reader, [])]
    except csv.Error as error:
        lost.add(path.name, f"no CSV ({error})", "save it as CSV again", row=1)
        return [], ()
    if not any(header):
        lost.add(path.name, "is empty", "give a header and at least one row")
        return [], ()
    if len(header) == 1 and (other := re.search("[;\t|]", header[0])):
        problem = f"values are separated by {other[0]!r}"
        lost.add(path.name, problem, "separate them by ','", row=1)
        return [], ()
    return header, _of_csv(path.name, reader, len(header), lost)


def _text_of(path: Path, lost: _Lost) -> str | None:
    try:
        data = path.read_bytes()
    except OSError as error:
        lost.add(path.name, f"{error.strerror}", "give a file that can be read")
        return None
    fix = "save it as 'CSV UTF-8'"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        lost.add(path.name, "is in UTF-16, not in UTF-8", fix)
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        near = data[max(error.start - 10, 0) : error.start + 10].decode(
            "cp1252", "replace"
        )
        problem = "not in UTF-8"
        lost.add(path.name, problem, fix, row=row, value=near)
        return None


def _of_csv(name: str, reader: Any, width: int, lost: _Lost) -> Iterator[Chunk]:
    row = 2
    while True:
        lines: list[list[str]] = []
        try:
            # Extended, so that lines before a broken one are kept.
            lines.extend(islice(reader, LINES))
        except csv.Error as error:
            problem = f"no CSV from about here on ({error})"
            lost.add(name, problem, "close every quotation mark", row=row + len(lines))
        if not lines:
            return
        rows: Sequence[int] = range(row, row + len(lines))
        row += len(lines)
        # Spreadsheets leave lines of nothing, or of commas.
        if any(len(cells) != width or not any(cells) for cells in lines):
            rows, lines = _whole(name, rows, lines, width, lost)
        if lines:
            yield Chunk(rows, [[cells[i] for cells in lines] for i in range(width)])


def _whole(
    name: str, rows: Sequence[int], lines: list[list[str]], width: int, lost: _Lost
) -> tuple[list[int], list[list[str]]]:
    kept = []
    for row, cells in zip(rows, lines, strict=True):
        if len(cells) == width and any(cells):
            kept.append((row, cells))
        elif any(cells):
            problem = f"{len(cells)} values for {width} columns"
            fix = "give one value a column: quote text that has a comma in it, write 1000 "
            lost.add(name, problem, f"{fix}for 1,000", row=row)
    return [row for row, _ in kept], [cells for _, cells in kept]


def _of_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[Chunk]:
    start = 2
    for batch in batches:
        rows = range(start, start + batch.num_rows)
        yield Chunk(rows, [column.to_pylist() for column in batch.columns])
        start += batch.num_rows


def _from_memory(name: str, source: Any) -> Chunks:
    if isinstance(source, pd.DataFrame):
        # Not by Arrow, which has no columns of mixed types.
        plain = source.astype(object).where(source.notna(), None)
        header = [str(column) for column in source.columns]
        values = [plain.iloc[:, place].tolist() for place in range(len(header))]
        return header, [Chunk(range(2, len(source) + 2), values)]
    try:
        table = source if isinstance(source, pa.Table) else _arrow(source)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name}: {type(source).__name__} is no table; give a path, a pandas frame, "
            "or one that speaks Arrow, such as polars"
        ) from error
    return table.column_names, _of_batches(table.to_batches(CHUNK))


def _arrow(source: Any) -> pa.Table:
    # Older libraries speak the interchange protocol alone.
    if hasattr(source, "__dataframe__") and not hasattr(source, "__arrow_c_stream__"):
        return from_dataframe(source)
    return pa.table(source)


def _check_header(
    name: str, header: list[str], model: type[BaseModel], problems: Problems
) -> dict[str, int]:
    """Where each known column is; reports the others and what is missing."""
    known = list(model.model_fields)
    unknown = [column for column in header if column not in known]
    for column in dict.fromkeys(one for one in header if header.count(one) > 1):
        count = header.count(column)
        problems.add(name, f"is there {count} times", "keep one", row=1, column=column)
    absent = [column for column in known if column not in header]
    meant = {
        column: close[0]
        for column in unknown
        if (close := difflib.get_close_matches(column.lower(), absent, n=1, cutoff=0.5))
    }
    for column in unknown:
        fix = f"rename it to {meant[column]!r}" if column in meant else "remove it"
        problems.add(name, "no such column", fix, row=1, column=column)
    for column in absent:
        if model.model_fields[column].is_required() and column not in meant.values():
            problems.add(name, "is missing", "add it", row=1, column=column)
    # What is in a misspelt column is checked too, so that all is reported at once.
    called = {meant.get(column, column): column for column in reversed(header)}
    return {
        column: header.index(called[column]) for column in known if column in called
    }


@cache
def _adapter(kind: Any) -> TypeAdapter:
    # A column in one call: pydantic's core reads half a million values in 0.1 s, and
    # tells every one that is wrong.
    config = ConfigDict(coerce_numbers_to_str=True)
    return TypeAdapter(list[kind], config=config)  # pyright: ignore


def _validated(
    name: str,
    column: str,
    kind: Any,
    values: Sequence[Any],
    chunk: Chunk,
    problems: Problems,
) -> Any:
    adapter, text = _adapter(kind), is_text(kind)
    bad: list[int] = []
    try:
        valid = adapter.validate_python(list(values))
    except ValidationError as error:
        for item in error.errors(include_url=False):
            place = int(item["loc"][0])
            bad.append(place)
            problem, fix = _explained(item, column, values[place])
            problems.add(
                name,
                problem,
                fix,
                row=chunk.rows[place],
                column=column,
                value="" if values[place] is None else values[place],
            )
        kept = list(values)
        for place in bad:
            kept[place] = "x" if text else 1.0
        valid = adapter.validate_python(kept)
    if text:
        for place in bad:
            valid[place] = ""
        return valid
    numbers = np.array(valid, float)
    numbers[bad] = np.nan
    return numbers


_FIXES = {
    "float_parsing": ("not a number", "write a plain number, such as 1234.56"),
    "float_type": ("not a number", "write a plain number, such as 1234.56"),
    "finite_number": ("not a finite number", "write the number"),
    "greater_than_equal": ("must be {ge:g} or more", "write {ge:g} or more"),
    "greater_than": ("must be above {gt:g}", "write a number above {gt:g}"),
    "less_than_equal": ("must be {le:g} or less", "write {le:g} or less"),
}


def _explained(item: Any, column: str, value: Any) -> tuple[str, str]:
    if value is None or value == "":
        return (
            "nothing there",
            "fill every row; an optional column may be removed whole",
        )
    problem, fix = _FIXES.get(item["type"], (item["msg"], "correct the value"))
    context = item.get("ctx", {})
    if item["type"] == "float_parsing":
        fix = _as_number(value) or fix
    elif context and column in HINTS:
        fix = f"{fix}; {HINTS[column]}"
    return problem.format(**context), fix.format(**context)


def _as_number(value: Any) -> str | None:
    """The fix for a number in somebody's local notation."""
    text = re.sub(r"[\s\u00a0$€£']|USDC?T?$", "", str(value))
    percent = text.endswith("%")
    text = text.rstrip("%")
    if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    elif re.fullmatch(r"[-+]?\d{1,3}(\.\d{3})*,\d+", text):
        text = text.replace(".", "").replace(",", ".")
    try:
        number = float(text) / (100 if percent else 1)
    except ValueError:
        return None
    return f"write {shown(format(number, '.15g'))}"
