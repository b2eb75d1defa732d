"""Attacks that follow the gradient of the score."""
