"""Tests of what the built-in claims simulate."""
