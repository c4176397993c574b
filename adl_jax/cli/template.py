"""`adl-jax template`: an example book to fill, or a plug-in to change."""

from pathlib import Path
from typing import Annotated

import typer

from adl_jax.cli.shared import fail, fail_writing


def template(
    folder: Annotated[Path, typer.Argument(help="A new folder, or an empty one.")],
    plugin: Annotated[
        bool,
        typer.Option(
            "--plugin",
            help="A Python project with a severity and a venue of your own instead.",
        ),
    ] = False,
) -> None:
    """Write an example book: a CSV file a table, and a README that explains them."""
    from adl_jax.inert import shown
    from adl_jax.io import write_template
    from adl_jax.result import InputError

    try:
        paths = write_plugin(folder) if plugin else write_template(folder)
    except InputError as error:
        fail(str(error))
    except OSError as error:
        fail_writing(error)
    for path in paths:
        print(shown(str(path), 1000))


def write_plugin(folder: Path) -> list[Path]:
    """Writes a project that adds a severity and a venue by entry points.

    **Raises:** `InputError` where the folder has one of its files already.
    """
    from importlib.resources import as_file, files

    from adl_jax.result import InputError
    from adl_jax.tables import written_whole

    with as_file(files("adl_jax") / "data" / "plugin") as source:
        texts = {
            folder / path.relative_to(source): path.read_text(encoding="utf-8")
            for path in sorted(source.rglob("*"))
            if path.suffix in (".md", ".py", ".toml")
        }
    for path in texts:
        if path.exists():
            raise InputError(f"{path}: is there already; fix: choose another folder")
    for path, text in texts.items():
        with written_whole(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return list(texts)
