"""Simulated people: what they see of the shop and what they do there."""
