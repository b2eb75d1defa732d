"""One metric with its defence, what an attack on it is given, and what judges the attack: where all of these meet."""
