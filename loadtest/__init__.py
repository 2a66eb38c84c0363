"""Simulated readers, drills that break things under them, and proof that nothing was lost."""
