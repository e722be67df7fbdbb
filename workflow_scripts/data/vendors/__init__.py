"""Clients of the vendors of bars, and what every download needs; each is imported only where it is asked."""
