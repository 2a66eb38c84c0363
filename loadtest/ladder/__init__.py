"""The three steps from one machine to a swarm, under the same load and the same faults."""
