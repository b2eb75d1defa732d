"""Heads: what scores the numbers of a front end."""
