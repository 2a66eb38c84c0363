"""The shop's own code, two replicas of it, in a simulated world: clock, dice, network, crashes."""
