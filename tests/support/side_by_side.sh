#!/usr/bin/env bash
# Run every test, in five parts side by side: most wait for disks and other programs for longer than they compute.
# What the others say comes when all are done. The exit code is that of the first part that failed.
# Each part has a directory of its own for files: pytest closes a shared one to other users whenever another run begins.
set -u
python=$1
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
apart=(integration interop architecture conformance fuzz unit/cli) # what the first part leaves to the others
others=(
  "tests/integration/test_[a-g]*.py"
  "tests/integration/test_[!a-h]*.py"
  "tests/interop"
  "tests/architecture tests/conformance tests/fuzz tests/unit/cli tests/integration/test_h*.py"
)
waiting=()
for index in "${!others[@]}"; do
  # shellcheck disable=SC2086 # the words are paths and patterns
  "$python" -m pytest -p no:cacheprovider --basetemp "$said/of$index" ${others[$index]} > "$said/$index" 2>&1 &
  waiting+=($!)
done
"$python" -m pytest --basetemp "$said/first" "${apart[@]/#/--ignore=tests/}"
code=$?
for process in "${waiting[@]}"; do
  wait "$process"
  ended=$?
  code=$((code ? code : ended))
done
for index in "${!others[@]}"; do
  cat "$said/$index"
done
exit "$code"
