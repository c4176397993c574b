"""Text from outside, made harmless before it is shown or written."""

import re


_LONGEST = 60
# What makes a spreadsheet read a cell as a formula, some of it full width, and our mark.
_FORMULA = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20'"
# Where a cell starts: some countries' spreadsheets take a semicolon for the end of one,
# and then a quote inside of a cell does not hide the end of a line.
_START = r"(?:\A|(?<=[;\t\r\n]))"
_COMPUTED = re.compile(f"{_START}(?= *[{_FORMULA}])")
_MARKED = re.compile(f"{_START}'(?= *[{_FORMULA}])")


def shown(text: str, most: int = _LONGEST) -> str:
    r"""Text for a terminal or a message: printable, in one line, and not for ever.

    Control characters and marks that turn the direction of text are written as escapes;
    the middle of a long text is left out. Markup is for the printer to escape.

    ```python
    >>> print(shown("a" + chr(27) + "[31m" + chr(0x202E) + "b"))
    a\x1b[31m\u202eb

    ```
    """
    if len(text) > most:
        half = most // 2
        text = f"{text[:half]}...{text[-half:]}"
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode()
        for one in text
    )


def quoted(value: object, most: int = _LONGEST) -> str:
    """A value for a message, in quotes where it is text."""
    if not isinstance(value, str):
        return shown(repr(value), most)
    return f"'{shown(value, most)}'"


def cell(text: str) -> str:
    """Text for a CSV file: an apostrophe before what a spreadsheet would compute.

    Spreadsheets take it as "this is text". `uncell` takes it off again.

    ```python
    >>> cell("=HYPERLINK(1)"), cell("BTC")
    ("'=HYPERLINK(1)", 'BTC')

    ```
    """
    return _COMPUTED.sub("'", text)


def uncell(text: str) -> str:
    """Takes off what `cell` put on, so that names come back as they were."""
    return _MARKED.sub("", text) if "'" in text else text
