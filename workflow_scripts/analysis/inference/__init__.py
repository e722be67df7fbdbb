"""The statistics behind a verdict: formulas, each with its source, and three answers as functions of daily returns."""
