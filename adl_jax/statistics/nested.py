"""How much of the noise is the book, and how much the price path."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Real

from adl_jax.result import InputError
from adl_jax.statistics import bootstrap
from adl_jax.statistics._edge import checked, constant
from adl_jax.statistics.basic import bootstrapped_mean, mean
from adl_jax.statistics.bootstrap import Moment
from adl_jax.statistics.estimate import Estimate


class VarianceParts(NamedTuple):
    """A mean over books and paths, and the two variances behind its error."""

    mean: Estimate
    """Its error is between the means of books; `count` is of books."""
    between_books: Estimate
    """Variance of the expected value given the book, squared unit."""
    within_books: Estimate
    """Mean variance over paths given the book, squared unit."""
    share_of_books: Estimate
    """`between_books` over the sum of both, in [0, 1]."""

    def standard_error(self, books: int, paths: int) -> float:
        """What the mean's standard error would be with another design.

        More paths a book do not reduce the first part: that needs more books.
        """
        return float(
            np.sqrt(
                self.between_books.value / books
                + self.within_books.value / (books * paths)
            )
        )


def variance_parts(
    values: Real[np.ndarray, "books paths"], *, seed: int = 0
) -> VarianceParts:
    r"""The variance between and within books, from several paths on every book.

    The estimator of a one-way analysis of variance with random effects (Searle, Casella
    and McCulloch, 1992, 3.6): $\hat\sigma^2_{within}$ is the mean of the variances within
    books, and $\hat\sigma^2_{between} = \mathrm{var}(\bar x_b) -
    \hat\sigma^2_{within}/paths$, held to 0 where it is negative. Intervals resample
    books, BCa; they are too short for fewer than some 30 books.

    Treating all books x paths as independent would understate the error of the mean by
    $\sqrt{1+(paths-1)\rho}$, $\rho$ the share of books.

    **Arguments:** `values`: shape `(books, paths)`, at least 2 of each, any unit. Books
    are independent, and paths given the book.
    """
    values = checked("values", values)
    if values.ndim != 2 or len(values) < 2:
        raise InputError(
            f"values has shape {values.shape}: it must be (books, paths) with at least 2 "
            "books; simulate several paths on each of several books"
        )
    books, paths = values.shape
    means = values.mean(axis=1)
    # Constant books must not vary by the rounding of their means.
    flat = (values == values[:, :1]).all(axis=1)
    means = np.where(flat, values[:, 0], means)
    within = np.where(flat, 0, values.var(axis=1, ddof=1))
    # From the grand mean, so that the square of a mean cancels no digits.
    centred = np.zeros(books) if constant(means) else means - means.mean()
    columns = centred, centred**2, within
    moments = [column.mean() for column in columns]
    without = [(column.sum() - column) / (books - 1) for column in columns]

    def estimate(function: Callable[..., Moment], largest: float) -> Estimate:
        ends = bootstrap.interval(function, *columns, seed=seed)
        value, low, high = np.clip(
            [float(function(*moments)), *ends], 0, largest
        ).tolist()
        # Leaving out one book at a time (Efron, 1982).
        error = (books - 1) / np.sqrt(books) * function(*without).std()
        return Estimate(value, low, high, float(error), books)

    def between(first: Moment, second: Moment, inner: Moment) -> Moment:
        return (second - first**2) * books / (books - 1) - inner / paths

    def share(first: Moment, second: Moment, inner: Moment) -> Moment:
        outer = between(first, second, inner)
        total = outer + inner
        return outer / np.where(total > 0, total, 1)

    return VarianceParts(
        mean(means),
        estimate(between, np.inf),
        bootstrapped_mean(within, seed),
        estimate(share, 1.0),
    )
