"""What runs on the swarm: stack files, and the service that scales replicas to the load."""
