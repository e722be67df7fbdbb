"""A run: train, judge, write."""
