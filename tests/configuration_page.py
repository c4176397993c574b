"""The table of keys in docs/configuration.md, from the models' descriptions.

`python -m tests.configuration_page` writes it; tests/test_config.py holds it to them.
"""

from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin

from annotated_types import Ge, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from adl_jax.allocator import allocations
from adl_jax.config import Configuration
from adl_jax.config.policies import PARAMETERS, parameters_of
from adl_jax.severity import severities
from benchmarks.tables import with_parts


PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"


def models_in(annotation):
    """The models in a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in models_in(inner)]


def number(value):
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def allowed(annotation, metadata):
    """What a key may be, in a few words."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return allowed(inner, [*metadata, *more])
    names = [
        name
        for item in metadata
        for name in (getattr(item, "json_schema_extra", None) or {}).get("names", ())
    ]
    if names:
        return ", ".join(f"`{name}`" for name in names)
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{name}`" for name in get_args(annotation))
    parts = [part for part in get_args(annotation) if part is not type(None)]
    if parts and get_origin(annotation) is not tuple:
        return allowed(parts[0], metadata) if len(parts) == 1 else ""
    if annotation is bool:
        return "true, false"
    if annotation is str:
        named = any(getattr(item, "pattern", None) for item in flat(metadata))
        return "letters, digits, `_.+-`" if named else "text"
    if get_origin(annotation) is tuple:
        return "a list of " + allowed(parts[0], []).replace("0 to", "numbers, 0 to")
    low = high = None
    for item in flat(metadata):
        low = item.ge if isinstance(item, Ge) else low
        high = item.le if isinstance(item, Le) else high
        high = item.lt - 1 if isinstance(item, Lt) else high
    span = f"{number(low)} to {number(high)}" if low is not None else ""
    return span + (", whole" if annotation is int else "")


def flat(metadata):
    """Constraints, those inside of pydantic's fields included."""
    for item in metadata:
        yield item
        if isinstance(item, FieldInfo):
            yield from flat(item.metadata)


def default(field):
    """What a key is that nobody gives."""
    if field.default_factory is not None:
        value = field.default_factory()
    elif field.default is PydanticUndefined:
        return "required"
    else:
        value = field.default
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "October 10's" if len(value) > 1 else f"`{value[0]}`"
    return str(value).lower() if isinstance(value, bool) else f"`{number(value)}`"


def section(model, title):
    """Heading and table of one model, then those of the models inside it."""
    rows, inner = [], []
    for name, field in model.model_fields.items():
        prefix = title.strip("[]")
        path = f"{prefix}.{name}" if prefix else name
        models = models_in(field.annotation)
        many = get_origin(field.annotation) is tuple
        inner += [
            section(one, f"[[{path}]]" if many else f"[{path}]") for one in models
        ]
        if models:
            continue
        what = field.description.replace("|", "\\|")
        values = allowed(field.annotation, [field, *field.metadata])
        if get_origin(field.annotation) is dict:
            values, shown = "a table" if name == "changes" else "a table of numbers", ""
        else:
            shown = default(field)
        rows.append(f"| `{name}` | {what} | {values} | {shown} |")
    text = model.__doc__.split("\n")[0]
    family = model.model_fields.get("family")
    note = f' with `family = "{family.default}"`' if family else ""
    heading = f"### `{title}`{note}\n\n" if title else "### Top of the file\n\n"
    if not rows:
        return "".join(inner)
    table = [
        "| key | what it is | values | default |",
        "| --- | --- | --- | --- |",
        *rows,
    ]
    return heading + text + "\n\n" + "\n".join(table) + "\n\n" + "".join(inner)


def numbers():
    """The parameters of severities and allocations, and who has them."""
    rows = ["| number | what it is | values | of |", "| --- | --- | --- | --- |"]
    for name, (low, high, text, whole) in PARAMETERS.items():
        owners = [
            f"`{owner}`" + ("" if value is None else f" ({value:g})")
            for registry in (severities, allocations)
            for owner in registry
            for parameter, value in parameters_of(registry[owner]).items()
            if parameter == name
        ]
        span = f"{low:g} to {high:g}" + (", whole" if whole else "")
        rows.append(f"| `{name}` | {text} | {span} | {', '.join(owners)} |")
    return (
        "### Numbers of severities and allocations\n\n"
        "In `severity_parameters` and `allocation_parameters`; the default in brackets.\n\n"
        + "\n".join(rows)
        + "\n"
    )


def generated():
    return section(Configuration, "") + numbers()


def written(page):
    """The page with its table replaced."""
    return with_parts(page, {"keys": generated()})


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
