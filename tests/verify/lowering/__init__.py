"""Tests of the lowering from theory to torch."""
