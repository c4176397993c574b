"""Everything that is wrong with a book, in one list."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from adl_jax.inert import quoted, shown
from adl_jax.result import InputError


_MOST_OF_A_KIND = 20
_MOST_SHOWN = 100
_NOTHING = object()


class Problem(NamedTuple):
    """Something wrong, and where. `row` as a spreadsheet numbers it, the header is 1."""

    table: str
    row: int | None
    column: str | None
    problem: str
    fix: str
    value: Any = _NOTHING

    def __str__(self) -> str:
        """One line."""
        row = None if self.row is None else f"row {self.row}"
        column = None if self.column is None else f"column {shown(self.column)}"
        place = ", ".join(part for part in (self.table, row, column) if part)
        value = "" if self.value is _NOTHING else f"value {quoted(self.value)}, "
        return f"{place}: {value}{self.problem}; fix: {self.fix}"


class BookError(InputError):
    """A book that cannot be used.

    **Fields:** `problems`: a `Problem` each, sorted by table and row; `count`: how many
    there are in all, those that are left out included.
    """

    problems: tuple[Problem, ...]
    count: int


class Problems:
    """Collects problems: the first of each table and column, and counts the others.

    **Arguments:** `source`: what the book is called; `tables`: their names, in order.
    """

    def __init__(self, source: str, tables: Iterable[str]):
        """Starts with none."""
        self._source = source
        self._order = {table: place for place, table in enumerate(tables)}
        self._found: list[Problem] = []
        self._counts: Counter[tuple[str, str | None]] = Counter()

    def add(
        self,
        table: str,
        problem: str,
        fix: str,
        *,
        row: int | None = None,
        column: str | None = None,
        value: Any = _NOTHING,
    ) -> None:
        """Takes one more."""
        kind = table, column
        self._counts[kind] += 1
        if self._counts[kind] <= _MOST_OF_A_KIND:
            self._found.append(Problem(table, row, column, problem, fix, value))

    def is_full(self, table: str, column: str) -> bool:
        """Whether further ones of this column are counted alone."""
        return self._counts[table, column] >= _MOST_OF_A_KIND

    def raise_any(self) -> None:
        """Raises one `BookError` for everything, if anything is wrong."""
        count = self._counts.total()
        if not count:
            return
        table = lambda one: self._order[one.table.partition(".")[0]]
        place = lambda one: (table(one), math.inf if one.row is None else one.row)
        problems = sorted(self._found, key=place)
        lines = [f"{self._source}: {count:,} problem{'' if count == 1 else 's'}"]
        lines += [f"  {problem}" for problem in problems[:_MOST_SHOWN]]
        if (more := count - min(len(problems), _MOST_SHOWN)) > 0:
            lines.append(f"  and {more:,} more like these")
        error = BookError("\n".join(lines))
        error.problems, error.count = tuple(problems), count
        raise error
