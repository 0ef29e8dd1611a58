"""From records to what they say: rows, ranks, comparisons; facts as data, without TensorFlow.

What is found here is rendered in `harness.reports`.
"""
