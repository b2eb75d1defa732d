"""How the built-in metric was made; benchmarks/train_builtin.py runs it."""
