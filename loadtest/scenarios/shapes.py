"""How many people there are over time. The peak is Locust's number of users (-u)."""

from __future__ import annotations

from typing import Any, ClassVar

from locust import LoadTestShape

Stage = tuple[float, float]  # seconds it lasts, share of the peak


class Stages(LoadTestShape):
    """One number of people after the other; after the last stage the test ends."""

    abstract = True
    use_common_options = True
    stages: ClassVar[tuple[Stage, ...]] = ()
    rate: ClassVar[float] = 1.0  # share of the peak that comes or goes in a second

    def tick(self) -> tuple[int, float] | None:
        """Tell Locust how many people there should be now."""
        assert self.runner is not None  # Locust sets it before it asks
        options: Any = self.runner.environment.parsed_options
        peak = max(int(options.num_users or 1), 1)
        limit = options.run_time
        now = float(self.get_run_time())  # type: ignore[no-untyped-call]
        if limit and now > limit:
            return None
        for seconds, share in self.stages:
            if now < seconds:
                return max(round(peak * share), 1), max(peak * self.rate, 1)
            now -= seconds
        return None


class Spike(Stages):
    """A fifth of the peak, all of it at once, and a fifth again."""

    abstract = True
    stages = ((30, 0.2), (90, 1.0), (60, 0.2))


class UpAndDown(Stages):
    """Up in steps and down again, for watching the autoscaler."""

    abstract = True
    stages = ((60, 0.2), (60, 0.4), (60, 0.7), (90, 1.0), (60, 0.5), (90, 0.2))
