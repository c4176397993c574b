"""Reading tables strictly, and writing files so that none is ever half written."""

import csv
import difflib
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import pandas as pd
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from adl_jax.result import InputError


# Squares of amounts are summed; nothing in a market comes near this.
_LARGEST = 1e15
Amount = Annotated[float, Field(ge=0, le=_LARGEST, allow_inf_nan=False)]
"""USD, contracts or a fraction: finite, at least 0."""
Positive = Annotated[float, Field(gt=0, le=_LARGEST, allow_inf_nan=False)]
"""A price in USD or a size in contracts: finite, above 0."""
Number = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST, allow_inf_nan=False)]
"""Finite."""
Milliseconds = Annotated[int, Field(ge=0, lt=2**53)]
"""Unix time in milliseconds."""
Name = Annotated[str, Field(min_length=1)]
"""Not empty."""

Row = TypeVar("Row", bound=BaseModel)
_MOST_SHOWN = 20


class Rows(list[Row]):
    """Validated rows of a file, each with the line it stands on."""

    def __init__(self, path: Path, rows: list[Row], lines: list[int]):
        """Keeps what an error message needs."""
        super().__init__(rows)
        self.path = path
        self.lines = lines

    def place(self, index: int, column: str) -> str:
        """Where a value stands, from the row's index."""
        return f"row {index + 1} (line {self.lines[index]}), column {column}"

    def refuse(self, problems: Sequence[str]) -> None:
        """Raises one error for everything that is wrong, if anything is."""
        if problems:
            raise problems_in(self.path, problems)


_FIXES = {
    "missing": "add the value",
    "float_parsing": "write a plain number, such as 1234.56",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "finite_number": "write a finite number",
    "greater_than_equal": "write a number at or above it",
    "greater_than": "write a number above it",
    "less_than_equal": "write a number at or below it",
    "less_than": "write a number below it",
    "int_parsing_size": "write a number below it",
    "bool_parsing": "write True or False",
}


def read_rows(path: Path, model: type[Row]) -> Rows[Row]:
    """Reads a CSV file into validated rows.

    **Arguments:**

    - `path`: a CSV file in UTF-8 with a header.
    - `model`: a pydantic model with one field a column. Other columns are refused if
        the model forbids extra fields, and ignored otherwise.

    **Returns:** the rows in order, at least one.

    **Raises:** `InputError` naming the file and, for every bad value, the row, the
    line, the column, the value and the fix.
    """
    header, lines = _read_lines(path)
    _check_header(path, header, model)
    problems = [
        f"line {number}: {len(cells)} values for {len(header)} columns; "
        "fix: give every line one value a column"
        for number, cells in lines
        if len(cells) != len(header)
    ]
    if problems:
        raise problems_in(path, problems)
    rows = [dict(zip(header, cells, strict=True)) for _, cells in lines]
    try:
        valid = TypeAdapter(list[model]).validate_python(rows)  # pyright: ignore
    except ValidationError as error:
        raise problems_in(path, _describe(error, lines)) from None
    return Rows(path, valid, [number for number, _ in lines])


def header_of(path: Path) -> list[str]:
    """The column names of a CSV file."""
    return _read_lines(path)[0]


def problems_in(path: Path, problems: Sequence[str]) -> InputError:
    """One error for everything that is wrong with a file."""
    shown = [f"  {problem}" for problem in problems[:_MOST_SHOWN]]
    if len(problems) > _MOST_SHOWN:
        shown.append(f"  and {len(problems) - _MOST_SHOWN} more")
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return InputError("\n".join([f"{path}: {count}", *shown]))


def _read_lines(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    if not path.exists():
        raise InputError(f"{path}: no such file; fix: check the path")
    if not path.is_file():
        raise InputError(f"{path}: not a regular file; fix: give a CSV file")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            # Blank lines are not rows.
            lines = [(reader.line_num, cells) for cells in reader if cells]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path}: not a CSV file in UTF-8 ({error}); fix: save it as one"
        ) from None
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}; fix: give a file that can be read"
        ) from None
    if len(lines) < 2:
        raise InputError(f"{path}: no rows; fix: give a header and at least one row")
    header = [name.strip() for name in lines[0][1]]
    if len(header) == 1 and (other := re.search("[;\t|]", header[0])):
        raise InputError(
            f"{path}: values are separated by {other[0]!r}; fix: separate them by ','"
        )
    return header, lines[1:]


def _check_header(path: Path, header: list[str], model: type[BaseModel]) -> None:
    fields = model.model_fields
    problems = [
        f"column {name!r} stands {header.count(name)} times; fix: keep one"
        for name in dict.fromkeys(header)
        if header.count(name) > 1
    ]
    missing = [
        f"column {name!r} is missing; fix: add it"
        for name, field in fields.items()
        if field.is_required() and name not in header
    ]
    if missing:
        missing[-1] += f" (the file has: {', '.join(header)})"
    problems += missing
    if model.model_config.get("extra") == "forbid":
        for name in header:
            if name not in fields:
                close = difflib.get_close_matches(name, fields, n=1)
                hint = f"did you mean {close[0]!r}?" if close else "remove it"
                problems.append(f"column {name!r} is not known; fix: {hint}")
    if problems:
        raise problems_in(path, problems)


def _describe(error: ValidationError, lines: list[tuple[int, list[str]]]) -> list[str]:
    problems: list[str] = []
    for item in error.errors():
        index = int(item["loc"][0])
        column = ".".join(str(part) for part in item["loc"][1:]) or "(row)"
        message = item["msg"][0].lower() + item["msg"][1:]
        fix = _FIXES.get(item["type"], "correct the value")
        if item["input"] == "":
            fix = "fill every row; a column that is optional may be removed whole"
        problems.append(
            f"row {index + 1} (line {lines[index][0]}), column {column}: "
            f"value {item['input']!r}, {message}; fix: {fix}"
        )
    return problems


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives a temporary name beside `path`, renamed to it once the block succeeds.

    A reader sees the old file or the new one, never a part; a block that fails leaves
    nothing behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files private; what we write is for others to read too.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_table(frame: pd.DataFrame, stem: Path) -> list[Path]:
    """Writes a table as `stem.csv` and `stem.parquet`, each whole or not at all.

    **Returns:** the two paths.
    """
    paths = [stem.with_suffix(suffix) for suffix in _WRITERS]
    for path in paths:
        write_file(frame, path)
    return paths


_WRITERS: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".parquet": lambda frame, path: frame.to_parquet(path, index=False),
}


def check_table_name(path: Path) -> None:
    """Refuses a file whose name does not say which kind of table it is to be.

    **Raises:** `InputError` naming the file and the fix.
    """
    if path.suffix not in _WRITERS:
        raise InputError(f"{path}: no table; fix: a name that ends in .csv or .parquet")


def write_file(frame: pd.DataFrame, path: Path) -> None:
    """Writes a table as CSV or Parquet, as its name ends, whole or not at all."""
    check_table_name(path)
    with written_whole(path) as temporary:
        _WRITERS[path.suffix](frame, temporary)
