#!/usr/bin/env bash
# Run every test, in two halves side by side: one computes, the other mostly waits for other programs.
# The second half's output comes when both are done. The exit code is that of the half that failed.
set -u
python=$1
said=$(mktemp)
trap 'rm -f "$said"' EXIT
"$python" -m pytest -p no:cacheprovider tests/integration tests/interop > "$said" 2>&1 &
waiting=$!
"$python" -m pytest --ignore=tests/integration --ignore=tests/interop
first=$?
wait "$waiting"
second=$?
cat "$said"
exit $((first ? first : second))
