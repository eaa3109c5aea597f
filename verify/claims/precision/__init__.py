"""Single precision: what rounding does to the drift, and where it stops doing nothing."""
