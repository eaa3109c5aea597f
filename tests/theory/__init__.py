"""Tests of theory: identities, brute force, and agreement of every derivation with autograd."""
