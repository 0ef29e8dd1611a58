"""A run against its baseline, as a gate: findings as data, each from one kind of check.

Cells are matched by name.  `report --against` tells readers what changed; this says whether it may.
"""
