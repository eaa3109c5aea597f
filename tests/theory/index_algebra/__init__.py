"""Tests of the index algebra: brute force over relabellings, product rules, exact values."""
