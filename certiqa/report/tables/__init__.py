"""The report's tables: summary, certificates, attacks, cost, and what was run."""
