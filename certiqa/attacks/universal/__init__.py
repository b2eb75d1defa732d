"""Universal patterns: one change for all images, trained once."""
