"""What is wrong with a configuration, each fault with its line, value and fix."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from adl_jax.result import InputError


_MOST_SHOWN = 50
Place: TypeAlias = tuple[str | int, ...]


class Fault(NamedTuple):
    """Something wrong at a place below the model that found it."""

    place: Place
    problem: str
    fix: str


def faults(found: Sequence[Fault]) -> PydanticCustomError:
    """The exception for a validator to raise, so that faults keep their places."""
    return PydanticCustomError("faults", "not possible", {"faults": list(found)})


def refusal(source: str, problems: Sequence[str]) -> InputError:
    """One error for everything that is wrong."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    shown = [f"  {problem}" for problem in problems[:_MOST_SHOWN]]
    if len(problems) > _MOST_SHOWN:
        shown.append(f"  and {len(problems) - _MOST_SHOWN} more")
    return InputError("\n".join([f"{source}: {count}", *shown]))


def nearest(name: Any, known: Iterable[str]) -> str:
    """The fix for a name that does not exist: the closest one that does, or all."""
    known = list(known)
    if not known:
        return "remove it"
    given = str(name)[:100]
    close = [one for one in known if given and one.startswith(given)]
    close = close or difflib.get_close_matches(given, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"use {listed(known)}"


def listed(names: Iterable[str]) -> str:
    """Names for a sentence, in one line."""
    return ", ".join(repr(name) for name in names)


def explained(
    error: ValidationError, text: str, root: type[BaseModel], more: Sequence[Fault] = ()
) -> list[str]:
    """One sentence for everything that is wrong, in the order of the file.

    **Arguments:** `text`: the TOML text, `""` where there is none; `root`: the model of
    the whole file; `more`: faults found besides, where pydantic stopped earlier.
    """
    lines = _lines(text) if text else {}
    found = [fault for item in error.errors() for fault in _faults(item, root)]
    rows = []
    for fault in dict.fromkeys([*found, *more]):
        line = _line_of(fault.place, lines)
        where = "" if line is None else f"line {line}, "
        row = f"{where}key {_written(fault.place)}: {fault.problem}; fix: {fault.fix}"
        rows.append((line or 0, row))
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def _faults(item: ErrorDetails, root: type[BaseModel]) -> list[Fault]:
    place, context, kind = _without_tag(item["loc"]), item.get("ctx", {}), item["type"]
    if kind == "faults":
        return [
            fault._replace(place=(*place, *fault.place)) for fault in context["faults"]
        ]
    if kind == "too_short" and item["input"]:
        return []  # Some are there, but wrong, and reported themselves.
    value = f"value {short(item['input'])}, "
    if kind == "extra_forbidden":
        fix = nearest(place[-1], _keys_at(item["loc"][:-1], root))
        return [Fault(place, f"{value}no such key", fix)]
    if kind == "missing":
        return [Fault(place, "missing", "add it")]
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", context["expected"])
        problem = f"{value}must be one of {listed(known)}"
        return [Fault(place, problem, nearest(item["input"], known))]
    if kind == "union_tag_invalid":
        known = re.findall(r"'([^']*)'", context["expected_tags"])
        problem = f"value {short(context['tag'])}, must be one of {listed(known)}"
        return [Fault((*place, "family"), problem, nearest(context["tag"], known))]
    said = item["msg"].removeprefix("Input should ").removeprefix("be ")
    fix = _FIXES.get(kind, "correct the value").format(**context)
    return [Fault(place, f"{value}must be {_PROBLEMS.get(kind, said)}", fix)]


def _keys_at(place: Place, root: type[BaseModel]) -> Iterable[str]:
    models = [root]
    for part in place:
        if isinstance(part, int):
            continue
        if len(models) > 1:  # The part is the tag that chooses.
            models = [
                model
                for model in models
                if model.model_fields["family"].default == part
            ]
        else:
            models = list(_models_in(models[0].model_fields[part].annotation))
    return models[0].model_fields


def _models_in(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


_PROBLEMS = {
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "too_short": "longer",
    "too_long": "shorter",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "dict_type": "a table",
    "string_pattern_mismatch": "letters, digits, '_', '.', '+' and '-', a letter or "
    "digit first",
    "string_too_long": "a short name",
}
_FIXES = {
    "float_type": "write a number, without quotes",
    "int_type": "write a whole number, without quotes or a point",
    "bool_type": "write true or false, without quotes",
    "string_type": "write it in quotes",
    "tuple_type": "write [...] or repeat a table [[...]]",
    "model_type": "write a table [...] with keys below it",
    "model_attributes_type": "write a table [...] with keys below it",
    "dict_type": "write a table {{ name = number }}",
    "greater_than_equal": "write {ge:g} or more",
    "greater_than": "write a number above {gt:g}",
    "less_than_equal": "write {le:g} or less",
    "less_than": "write a number below {lt:g}",
    "finite_number": "write a finite number",
    "string_pattern_mismatch": "choose such a name",
    "string_too_long": "use at most {max_length} characters",
    "too_short": "give at least {min_length}",
    "too_long": "give at most {max_length}",
}


def _without_tag(place: Place) -> Place:
    # pydantic puts the chosen family into the place of each of its keys.
    if place[:2] == ("crash", "returns"):
        return (*place[:2], *place[3:])
    return place


def short(value: Any) -> str:
    """A value for a message: no control characters, and not for ever."""
    try:
        text = repr(value)
    except ValueError:  # An integer of thousands of digits.
        return "(too long)"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _written(place: Place) -> str:
    """A place as in `policies[1].name`; what is no bare key is quoted."""
    written = ""
    for part in place:
        if isinstance(part, int):
            written += f"[{part + 1}]"
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_-]{1,64}", part)
            written += ("." if written else "") + (part if bare else short(part))
    return written or "(file)"


def _line_of(place: Place, lines: dict[Place, int]) -> int | None:
    """The line of a key, or of the closest thing around it that has one."""
    for end in range(len(place), 0, -1):
        if place[:end] in lines:
            return lines[place[:end]]
    return 1 if lines else None


def _lines(text: str) -> dict[Place, int]:
    """The line that each table and key starts on.

    tomllib keeps no positions. It is asked to read each statement alone, which holds for
    quoted and dotted keys and for values over several lines.
    """
    found: dict[Place, int] = {}
    table: Place = ()
    counts: dict[Place, int] = {}
    for line, statement in _statements(text.replace("\r\n", "\n")):
        parsed = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _table(parsed, counts)
            found.setdefault(table, line)
        else:
            for place in _places(parsed):
                found.setdefault(table + place, line)
    return found


# A string, a comment, or what opens, closes or ends a statement.
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'{3}.*?\'{3,5}'
    r'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}\n]',
    re.DOTALL,
)


def _statements(text: str) -> Iterable[tuple[int, str]]:
    """Each line of valid TOML, or the lines that one value goes over, and its number."""
    begin, line, depth = 0, 1, 0
    for token in _TOKEN.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if token[0] == "\n" and depth == 0:
            yield line, text[begin : token.end()]
            line += text.count("\n", begin, token.end())
            begin = token.end()
    yield line, text[begin:]


def _table(header: dict[str, Any], counts: dict[Place, int]) -> Place:
    """The place of a header, in the last of each array of tables that it goes through."""
    place: Place = ()
    while header:
        name, inner = next(iter(header.items()))
        place = (*place, name)
        if isinstance(inner, list):
            counts[place] = counts.get(place, -1) + 1
            inner = inner[0]
        if place in counts:
            place = (*place, counts[place])
        header = inner
    return place


def _places(value: Any) -> Iterable[Place]:
    inside = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, inner in inside:
        yield (name,)
        yield from ((name, *place) for place in _places(inner))
