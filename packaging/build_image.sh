#!/usr/bin/env bash
# Build the container image with whatever builder is there: build_image.sh [TAG]
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' mailserver/__init__.py)
tag=${1:-mailserver:$version}
revision=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
arguments=(--file Containerfile --tag "$tag" --build-arg "VERSION=$version" --build-arg "REVISION=$revision")
[ -z "${SOURCE_DATE_EPOCH:-}" ] || arguments+=(--build-arg "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH")
for builder in podman buildah docker; do
  if command -v "$builder" >/dev/null 2>&1 && "$builder" info >/dev/null 2>&1; then
    # HEALTHCHECK is of docker's format only.
    [ "$builder" = docker ] || arguments+=(--format docker)
    exec "$builder" build "${arguments[@]}" .
  fi
done
echo "No builder works here: podman, buildah or docker." >&2
exit 69
