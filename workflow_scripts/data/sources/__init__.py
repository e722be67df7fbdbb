"""Vendors of daily bars; each module is imported only where a market names it."""
