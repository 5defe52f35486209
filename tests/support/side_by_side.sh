#!/usr/bin/env bash
# Run every test, in four parts side by side: most wait for disks and other programs for longer than they compute.
# What the others say comes when all are done. The exit code is that of the first part that failed.
set -u
python=$1
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
parts=(integration interop "architecture conformance fuzz unit/cli")
waiting=() left_out=()
for index in "${!parts[@]}"; do
  directories=()
  for name in ${parts[$index]}; do
    directories+=("tests/$name")
    left_out+=("--ignore=tests/$name")
  done
  "$python" -m pytest -p no:cacheprovider "${directories[@]}" > "$said/$index" 2>&1 &
  waiting+=($!)
done
"$python" -m pytest "${left_out[@]}"
code=$?
for process in "${waiting[@]}"; do
  wait "$process"
  ended=$?
  code=$((code ? code : ended))
done
cat "$said"/*
exit "$code"
