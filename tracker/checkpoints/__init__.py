"""Weights: found, fetched, checked, and read from the layouts that people have."""
