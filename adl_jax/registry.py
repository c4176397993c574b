"""Names of what can be chosen: contract tests and the command line walk over these."""

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar


T = TypeVar("T")


class Registry(Mapping[str, Callable[[], T]], Generic[T]):
    """Named constructors of one kind of part, each with defaults that need no tuning.

    **Arguments:** `kind`: what the parts are, for the error messages.
    """

    def __init__(self, kind: str):
        """Starts empty."""
        self._kind = kind
        self._constructors: dict[str, Callable[[], T]] = {}

    def register(self, name: str, constructor: Callable[[], T]) -> None:
        """Adds a part under a name that nothing else has."""
        if name in self._constructors:
            raise ValueError(f"there is a {self._kind} named {name!r} already")
        self._constructors[name] = constructor

    def __getitem__(self, name: str) -> Callable[[], T]:
        """The constructor of that name; a `KeyError` lists the names there are."""
        try:
            return self._constructors[name]
        except KeyError:
            known = ", ".join(self._constructors)
            raise KeyError(
                f"no {self._kind} named {name!r}; there are: {known}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        """Names, in the order they were registered."""
        return iter(self._constructors)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._constructors)
