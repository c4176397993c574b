"""`adl-jax template`: an example book to fill."""

from pathlib import Path
from typing import Annotated

import typer

from adl_jax.cli.shared import fail


def template(
    folder: Annotated[Path, typer.Argument(help="A new folder, or an empty one.")],
) -> None:
    """Write an example book: a CSV file a table, and a README that explains them."""
    from adl_jax.inert import shown
    from adl_jax.io import write_template
    from adl_jax.result import InputError

    try:
        paths = write_template(folder)
    except InputError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}; fix: choose another folder")
    for path in paths:
        print(shown(str(path), 1000))
