"""The trading environment: portfolios on one market path, what they trade by, and what needs no training."""
