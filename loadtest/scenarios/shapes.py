"""How many people there are over time. The peak is Locust's number of users (-u), or its rate."""

from __future__ import annotations

from typing import Any, ClassVar

from locust import LoadTestShape

from loadtest.people.arrivals import Stage, share_at


class Stages(LoadTestShape):
    """One number of people after the other; after the last stage the test ends.

    Stages are stretched to the time that the test is given. Where load is open, the share is that
    of the rate, and people come by themselves.
    """

    abstract = True
    use_common_options = True
    stages: ClassVar[tuple[Stage, ...]] = ()
    rate: ClassVar[float] = 1.0  # share of the peak that comes or goes in a second

    def tick(self) -> tuple[int, float] | None:
        """Tell Locust how many people there should be now."""
        assert self.runner is not None  # Locust sets it before it asks
        options: Any = self.runner.environment.parsed_options
        peak = max(int(options.num_users or 1), 1)
        share = self.share(float(self.get_run_time()), options.run_time)  # type: ignore[no-untyped-call]
        if share is None:
            return None
        if options.rate:
            return peak, peak
        return max(round(peak * share), 1), max(peak * self.rate, 1)

    @classmethod
    def share(cls, now: float, run_time: float | None) -> float | None:
        """Return the share of the peak at a moment; None once the test is over."""
        return share_at(cls.stages, now, run_time)


class Spike(Stages):
    """A fifth of the peak, all of it at once, and a fifth again."""

    abstract = True
    stages = ((30, 0.2), (90, 1.0), (60, 0.2))


class UpAndDown(Stages):
    """Up in steps and down again, for watching the autoscaler."""

    abstract = True
    stages = ((60, 0.2), (60, 0.4), (60, 0.7), (90, 1.0), (60, 0.5), (90, 0.2))
