"""`adl-jax check`: everything that is wrong with a book, and what it is."""

import json
from pathlib import Path
from typing import Annotated

import typer

from adl_jax.cli.shared import Format, FormatOption, fail, fail_writing


UnbalancedOption = Annotated[
    bool,
    typer.Option("--unbalanced", help="Longs and shorts may differ: a part of a book."),
]


def check(
    folder: Annotated[Path, typer.Argument(help="A book; see adl-jax template.")],
    unbalanced: UnbalancedOption = False,
    anonymise: Annotated[
        Path | None,
        typer.Option(
            help="A new folder for a copy without accounts' and owners' names."
        ),
    ] = None,
    digits: Annotated[
        int | None,
        typer.Option(min=1, max=17, help="Round the copy's amounts to so many digits."),
    ] = None,
    format: FormatOption = Format.table,
) -> None:
    """Report everything that is wrong with a book, or add it up."""
    if digits is not None and anonymise is None:
        fail("--digits rounds a copy: give --anonymise")
    import jax

    jax.config.update("jax_enable_x64", True)
    from adl_jax.io import anonymised, read_book, summarise_book, write_book
    from adl_jax.result import InputError

    try:
        snapshot = read_book(folder, balanced=not unbalanced)
        summary = summarise_book(snapshot)
        if anonymise is not None:
            write_book(anonymised(snapshot, digits=digits), anonymise)
    except InputError as error:
        fail(str(error))
    except OSError as error:
        fail_writing(error)
    if format is Format.json:
        values = {"sha256": snapshot.sha256(), **summary._asdict()}
        print(json.dumps(values, allow_nan=False, indent=2))
        return
    from rich.console import Console

    from adl_jax.book_text import print_book

    print_book(Console(), snapshot, summary)
    if anonymise is not None:
        print(f"\nWritten to {anonymise}")
