"""`python -m bench [figures] [--quick] [--rounds N]`: for example `python -m bench P1 P2 --rounds 3`."""

import argparse
import asyncio
import shutil
import subprocess
import sys

from bench import accept, dkim_speed, sides, store, verification
from tests.support import postfix

# Programs of their own, which need no Postfix to compare with, or run one of another kind.
ALONE = (
    ({"P6", "P11"}, "bench.smtp_accept", ["--quick"]),
    ({"P7"}, "bench.queue_drain", []),
    ({"P15"}, "bench.webhooks", []),
    ({"P16"}, "bench.lists", ["--quick"]),
    ({"P13"}, "bench.jmap", ["--quick"]),
)


def main():
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument(
        "names", nargs="*", metavar="P1", help="figures of docs/performance.md; all where none is named"
    )
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, fewer messages")
    asked = parser.parse_args()
    names = {name.upper() for name in asked.names}
    rounds = asked.rounds or (2 if asked.quick else 5)
    missing = postfix.missing()
    if missing:
        sys.exit(f"Nothing to compare with: {missing}.")
    try:
        asyncio.run(accept.run(names, rounds, quick=asked.quick))
        dkim_speed.run(names, rounds, quick=asked.quick)
        verification.run(names, rounds, quick=asked.quick)
        asyncio.run(store.run(names, quick=asked.quick))
        for figures, module, arguments in ALONE:
            if not names or figures & names:
                print(f"{', '.join(sorted(figures))}:", flush=True)
                subprocess.run([sys.executable, "-m", module, "--rounds", str(rounds), *arguments], check=True)
    finally:
        for path in sides.MADE:
            shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    main()
