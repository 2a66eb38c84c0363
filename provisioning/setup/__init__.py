"""Turn bare hosts into a swarm: facts, plan, apply."""
