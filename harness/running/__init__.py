"""Carrying a matrix out: plan, one process a cell, records, resume."""
