"""A book without its names, to show to others."""

import dataclasses
import hashlib
import secrets

import numpy as np

from adl_jax.io.snapshot import Snapshot
from adl_jax.result import InputError


ROUNDING = "rounding"
"""The account that holds what rounded sizes do not sum to."""


def anonymised(
    snapshot: Snapshot, *, key: bytes | None = None, digits: int | None = None
) -> Snapshot:
    """The same book with accounts and owners under labels that say nothing.

    A label is a keyed hash (BLAKE2b) of the name, and accounts are sorted by it, so that
    neither names nor their order are left. Without the key nobody can try names out. The
    markets' names stay: they are public. Amounts can still tell who somebody is: round
    them before a book leaves the house, and think twice.

    **Arguments:**

    - `key`: 16 to 64 bytes; the same key gives the same labels in the next snapshot. A
        random one that nobody keeps if not given.
    - `digits`: significant digits of collateral, sizes and entry prices; all if not
        given. What rounded sizes then do not sum to is held by one account more,
        `rounding`, at the mark and without leverage.

    **Returns:** a `Snapshot`.
    """
    key = secrets.token_bytes(32) if key is None else key
    if not 16 <= len(key) <= 64:
        raise InputError(f"anonymised: the key has {len(key)} bytes: give 16 to 64")
    if digits is not None and not 1 <= digits <= 17:
        raise InputError(f"anonymised: digits is {digits}: give 1 to 17")
    labels = np.array([_label("account", name, key) for name in snapshot.accounts])
    order = np.argsort(labels)
    place = np.argsort(order)
    account = place[snapshot.account_of]
    rows = np.lexsort((snapshot.market_of, account))
    owners = snapshot.owners
    if owners is not None:
        owners = tuple(_label("owner", owners[old], key) for old in order.tolist())
    plain = dataclasses.replace(
        snapshot,
        accounts=tuple(labels[order].tolist()),
        collateral=snapshot.collateral[order],
        account_of=account[rows],
        market_of=snapshot.market_of[rows],
        size=snapshot.size[rows],
        entry_price=snapshot.entry_price[rows],
        owners=owners,
    )
    return plain if digits is None else _rounded(plain, digits)


def _label(kind: str, name: str, key: bytes) -> str:
    digest = hashlib.blake2b(f"{kind}:{name}".encode(), digest_size=8, key=key)
    return f"{kind}-{digest.hexdigest()}"


def _rounded(snapshot: Snapshot, digits: int) -> Snapshot:
    size = _significant(snapshot.size, digits)
    count = len(snapshot.markets)
    before, after = (
        np.bincount(snapshot.market_of, x, minlength=count)
        for x in (snapshot.size, size)
    )
    lacking = before - after
    some = np.flatnonzero(lacking)
    mark = snapshot.mark[some]
    owners = snapshot.owners
    return dataclasses.replace(
        snapshot,
        accounts=(*snapshot.accounts, ROUNDING),
        collateral=np.append(
            _significant(snapshot.collateral, digits),
            (np.abs(lacking[some]) * mark).sum(),
        ),
        account_of=np.append(
            snapshot.account_of, np.full(some.size, len(snapshot.accounts))
        ),
        market_of=np.append(snapshot.market_of, some),
        size=np.append(size, lacking[some]),
        entry_price=np.append(_significant(snapshot.entry_price, digits), mark),
        owners=None if owners is None else (*owners, ROUNDING),
    )


def _significant(values: np.ndarray, digits: int) -> np.ndarray:
    return np.array([float(f"{value:.{digits - 1}e}") for value in values.tolist()])
