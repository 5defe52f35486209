"""`python -m tests.crash --cycles 100`: the long run. Exit 1 where a promise was broken."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.cycles import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.crash")
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--term", action="store_true", help="SIGTERM instead of SIGKILL")
    parser.add_argument("--directory", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        seen = asyncio.run(run(given.directory or Path(temporary), given.cycles, given.seed, gently=given.term))
    print(f"{given.cycles} cycles, seed {given.seed}, {'SIGTERM' if given.term else 'SIGKILL'}")
    for line in seen.lines():
        print(f"  {line}")
    allowed = 0 if given.term else 20 * given.cycles
    failed = not seen.findings.is_clean or seen.broken or any(seen.exits) or seen.findings.duplicates_out > allowed
    for name in ("lost_in", "lost_out", "phantoms", "damaged", "duplicates_in", "duplicates_sent", "changed"):
        for token in getattr(seen.findings, name)[:5]:
            print(f"  {name}: {token} {seen.ledger.asked.get(token)} received {seen.receiver.received.get(token)}")
    return int(bool(failed))


sys.exit(main())
