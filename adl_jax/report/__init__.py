"""A run as one page, and as figures for a document."""

from adl_jax.report.write import Written as Written, write_report as write_report
