"""Compares what theory derives with what numerics measures, and decides."""
