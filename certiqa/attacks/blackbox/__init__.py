"""Attacks that see scores only, or not even these."""
