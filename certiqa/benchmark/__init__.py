"""Defences of NR-IQA metrics, compared: one config, a plan, runs that survive being killed, one result."""
