#!/usr/bin/env bash
# Build the container image with whatever builder is there: build_image.sh [TAG [ARGUMENT...]]
# Without TAG it is mailserver:VERSION and mailserver:latest. What follows TAG goes to the builder as it is.
# BASE and PIP_INDEX_URL name another base image and another index of libraries, BUILDER one of the three builders.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' mailserver/__init__.py)
tags=("${1:-mailserver:$version}")
[ $# -gt 0 ] && shift || tags+=(mailserver:latest)
revision=$(git describe --always --exclude '*' --dirty 2>/dev/null || echo unknown)
arguments=(--file Containerfile --build-arg "VERSION=$version" --build-arg "REVISION=$revision" "${tags[@]/#/--tag=}")
for name in SOURCE_DATE_EPOCH BASE PIP_INDEX_URL; do
  [ -z "${!name:-}" ] || arguments+=(--build-arg "$name")  # its value is the environment's, and in no list of processes
done
export SOURCE_DATE_EPOCH BASE PIP_INDEX_URL
for builder in ${BUILDER:-podman buildah docker}; do
  if command -v "$builder" >/dev/null 2>&1 && "$builder" info >/dev/null 2>&1; then
    # HEALTHCHECK is of docker's format only.
    [ "$builder" = docker ] || arguments+=(--format docker)
    exec "$builder" build "${arguments[@]}" "$@" .
  fi
done
echo "No builder works here: podman, buildah or docker." >&2
exit 69
