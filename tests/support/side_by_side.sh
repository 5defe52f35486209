#!/usr/bin/env bash
# Run every test, in three parts side by side: one computes, the others mostly wait for other programs.
# What the others say comes when all are done. The exit code is that of the first part that failed.
set -u
python=$1
integration=$(mktemp) interop=$(mktemp)
trap 'rm -f "$integration" "$interop"' EXIT
"$python" -m pytest -p no:cacheprovider tests/integration > "$integration" 2>&1 &
first_waiting=$!
"$python" -m pytest -p no:cacheprovider tests/interop > "$interop" 2>&1 &
second_waiting=$!
"$python" -m pytest --ignore=tests/integration --ignore=tests/interop
code=$?
for part in "$first_waiting" "$second_waiting"; do
  wait "$part"
  said=$?
  code=$((code ? code : said))
done
cat "$integration" "$interop"
exit "$code"
