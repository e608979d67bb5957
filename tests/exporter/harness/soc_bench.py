"""A judge of states of charge, fed by the second."""

from __future__ import annotations

from exporter.readings import Charge
from exporter.soc import Judge, Lead, Reason, Verdict

HOUR = 3600.0


class Bench:
    """A judge and a clock: one reading of each source every second, or every `step` seconds."""

    def __init__(self, *names: str, capacity: float | None = 400.0, lead: Lead = Lead.FIRST) -> None:
        self.judge = Judge(names, capacity_ampere_hours=capacity, lead=lead)
        self.now = 1000.0

    def observe(self, amperes: float | None = 0.0, /, **ratios: float | None) -> Verdict:
        for name, ratio in ratios.items():
            self.judge.update(name, Charge(ratio, amperes), at=self.now, wall=1e9 + self.now)
        return self.judge.verdict(self.now)

    def keep(self, seconds: float, amperes: float | None = 0.0, /, *, step: float = 1.0, **ratios: float) -> Verdict:
        end = self.now + seconds
        while self.now < end:
            self.now += step
            self.observe(amperes, **ratios)
        return self.judge.verdict(self.now)


def refused(verdict: Verdict, name: str) -> Reason | None:
    return verdict.opinions[name].refused
