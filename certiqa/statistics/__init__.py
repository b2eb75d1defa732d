"""Exact finite-sample statistics of smoothed scores: NumPy and SciPy, never torch."""
