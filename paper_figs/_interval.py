"""The error bars of all figures."""

INTERVAL_99 = 2.576
"""Half-width of a 99 % interval in standard errors."""
