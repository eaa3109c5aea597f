"""SymPy derivations, free of dimension: every result is computed from its definition."""
