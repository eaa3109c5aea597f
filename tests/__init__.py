"""Tests, which mirror the tree path for path."""
