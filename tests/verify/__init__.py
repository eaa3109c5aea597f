"""Tests of verify: facts about decisions, runs of toy claims, and lowered formulas against explicit ones."""
