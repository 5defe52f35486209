"""Figures of several rounds, told as medians, spreads and paired ratios."""

import statistics


class Table:
    """What was measured of each contender, a figure a round."""

    def __init__(self, title):
        self.title = title
        self.figures = {}
        self.cpu = {}

    def add(self, name, figure, cpu=None):
        self.figures.setdefault(name, []).append(figure)
        if cpu is not None:
            self.cpu.setdefault(name, []).append(cpu)

    def ratio(self, name, other):
        pairs = zip(self.figures[name], self.figures[other], strict=True)
        return statistics.median(own / others for own, others in pairs)

    def show(self, unit, *, ours=None, other=None, goal=None):
        print(f"{self.title}:", flush=True)
        for name, values in self.figures.items():
            line = f"  {name:16} {statistics.median(values):9.1f} {unit} ({min(values):.1f} to {max(values):.1f})"
            if name in self.cpu:
                line += f", {statistics.median(self.cpu[name]) * 1e6:.0f} us CPU each"
            print(line)
        if ours:
            pairs = [a / b for a, b in zip(self.figures[ours], self.figures[other], strict=True)]
            ratio = statistics.median(pairs)
            met = "" if goal is None else f", goal {goal}: {'reached' if ratio >= goal else 'MISSED'}"
            print(f"  {ours} / {other}: {ratio:.2f} ({min(pairs):.2f} to {max(pairs):.2f}){met}", flush=True)
            best = max(self.figures[ours]) / max(self.figures[other])
            print(f"  best {ours} / best {other}: {best:.2f}", flush=True)
            if self.cpu:
                own, others = (statistics.median(self.cpu[name]) for name in (ours, other))
                print(f"  messages for the same CPU time: {others / own:.2f} times as many", flush=True)
