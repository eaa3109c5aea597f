"""Draws what verify measured; computes nothing."""
