"""What goes wrong in a world: at random moments, for a while, several things at once."""

from __future__ import annotations

import asyncio

from loadtest.simulation.world import World

PAUSE = 6.0  # seconds between two faults, on average
OFF = (0.9, 3600.0)  # seconds by which a clock is off at most: as with NTP, and without


class Chaos:
    """Kills, bad weather, clocks that jump, and a database that cuts connections."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.chance
        self._on = True

    async def go_on(self) -> None:
        """Let things go wrong until it is calm again."""
        world, chance = self._world, self._chance
        world.faults.on = True
        while self._on:
            await asyncio.sleep(chance.expovariate(1 / PAUSE))
            if not self._on:
                return
            deed = chance.choice(("kill", "kill", "both", "weather", "weather", "clock", "engine"))
            names = sorted(world.replicas)
            if deed == "kill":
                world.kill(world.replicas[chance.choice(names)].process)
            elif deed == "both":
                for name in names:
                    world.kill(world.replicas[name].process)
            elif deed == "weather":
                world.weather.lost = chance.choice((0.0, 0.005, 0.03))
                world.weather.doubled = chance.choice((0.0, 0.02, 0.2))
                world.weather.late = chance.choice((0.0, 0.01, 0.05))
            elif deed == "clock":
                most = chance.choice(OFF)
                jump = chance.uniform(-most, most)
                world.replicas[chance.choice(names)].process.skew.seconds = jump
            else:
                world.faults.cut = chance.choice((0.0002, 0.002, 0.02))
            world.done[deed] += 1
            world.note(f"chaos {deed}")

    async def calm(self) -> None:
        """End all that goes wrong; what died is started again."""
        self._on = False
        world = self._world
        world.faults.on = False
        world.weather.lost = world.weather.doubled = world.weather.late = 0.0
        for process in world.processes:
            process.skew.seconds = 0.0
        await asyncio.sleep(10)
