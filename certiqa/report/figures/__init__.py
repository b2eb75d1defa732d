"""The report's figures: frontier, certified against attacked, quality levels, attack strength, certificate curves."""
