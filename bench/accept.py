"""P1 to P5 and P12: accepting and delivering beside Postfix, and how long the event loop stands still meanwhile."""

import asyncio

from bench import sides
from bench.report import Table

# figure, what, sessions, messages, octets, a connection for each message, goal against "hold"
HOLD = (
    ("P1", 10, 6_000, 1_024, False, 3.0),
    ("P1", 50, 8_000, 1_024, False, 5.0),
    ("P2", 1, 3_000, 1_024, False, 2.5),
    ("P3", 50, 5_000, 1_024, True, 2.0),
    ("P4", 10, 3_000, 51_200, False, 3.0),
    ("P4", 10, 80, 5_242_880, False, 2.5),
)
DELIVER = (("P5", 50, 6_000, 1_024, False, 3.0),)
HUGE = ("P12", 2, 6, 50_000_000, False)
POLL_SECONDS = 0.02


async def accepting(side, sessions, messages, size, reconnect):
    async with side.running():
        await sides.source(side.port, messages=sessions, sessions=sessions, size=1_024)  # processes and caches are warm
        await sides.quiet()
        spent = side.cpu_seconds()
        took = await sides.source(side.port, messages=messages, sessions=sessions, size=size, reconnect=reconnect)
        return took, side.cpu_seconds() - spent, await side.longest_lag()


async def delivering(side, sessions, messages, size, reconnect):
    async with side.running():
        await sides.source(side.port, messages=sessions, sessions=sessions, size=1_024)
        while await side.delivered() < sessions:
            await asyncio.sleep(POLL_SECONDS)
        await sides.quiet()
        spent, loop = side.cpu_seconds(), asyncio.get_running_loop()
        began = loop.time()
        await sides.source(side.port, messages=messages, sessions=sessions, size=size, reconnect=reconnect)
        while await side.delivered() < sessions + messages:
            await asyncio.sleep(POLL_SECONDS)
        return loop.time() - began, side.cpu_seconds() - spent, await side.longest_lag()


async def compare(case, measure, other, rounds, share, lags):
    figure, sessions, messages, size, reconnect, goal = case
    messages = max(sessions, int(messages * share))
    table = Table(f"{figure}: {size} octets, {sessions} sessions{', a connection each' if reconnect else ''}")
    for number in range(rounds):
        trio = [sides.Ours(), sides.Ours(checks=True), other()]
        for side in trio if number % 2 else trio[::-1]:
            took, cpu, lag = await measure(side, sessions, messages, size, reconnect)
            table.add(side.name, messages / took, cpu / messages)
            if lag is not None:
                lags.setdefault(table.title, []).append(lag)
    table.show("messages/s", ours="ours", other=other().name, goal=goal)


async def run(names, rounds, *, quick):
    share = 0.3 if quick else 1.0
    lags = {}
    for case in HOLD:
        if not names or case[0] in names:
            await compare(case, accepting, lambda: sides.PostfixSide("hold"), rounds, share, lags)
    for case in DELIVER:
        if not names or case[0] in names:
            await compare(case, delivering, lambda: sides.PostfixSide("deliver"), rounds, share, lags)
    if not names or "P12" in names:
        for _ in range(rounds):
            side = sides.Ours(checks=True)
            _, _, lag = await delivering(side, *HUGE[1:])
            lags.setdefault(f"P12: {HUGE[3]} octets, {HUGE[1]} sessions", []).append(lag)
    if lags:
        print("P12: longest stall of the event loop, goal 50 ms:")
        for title, values in lags.items():
            print(f"  {title:56} {max(values) * 1000:6.1f} ms", flush=True)
