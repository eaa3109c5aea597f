"""The questions that Section 1.2 of the main paper leaves open: evidence, which decides nothing."""
