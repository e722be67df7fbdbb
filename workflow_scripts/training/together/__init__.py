"""Runs of equal shape trained side by side on one device: what each run has is a row of what they share."""
