#!/usr/bin/env bash
# Builds the images of both services and of the tool `check`, which `helm test` runs.
#
#   deploy/images.sh          with Docker, from the Dockerfiles
#   LOCAL=1 deploy/images.sh  without Docker or a registry: builds static binaries (orders-actor contains the SPA) and loads them as
#                             images into the test cluster, with deploy/cluster or the command that CLUSTER names. It also
#                             builds the impostor for the cluster tests
set -euo pipefail
cd "$(dirname "$0")/.."

registry=${REGISTRY:-localhost}
tag=${TAG:-$(sed -n 's/^appVersion: *//p' helm/Chart.yaml)}

if [[ -z ${LOCAL:-} ]]; then
  revision=$(git rev-parse HEAD)
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
  export SOURCE_DATE_EPOCH
  for image in orders-actor:orders-actor payments-svc:payments-svc orders-check:deploy; do
    docker build --tag "$registry/${image%:*}:$tag" --file "${image#*:}/Dockerfile" \
      --build-arg VERSION="$tag" --build-arg REVISION="$revision" --build-arg SOURCE_DATE_EPOCH .
  done
  exit
fi

cluster=${CLUSTER:-deploy/cluster/cluster}
out=bin/images
mkdir -p "$out"
for image in orders-actor:./orders-actor payments-svc:./payments-svc orders-check:./deploy/cmd/check impostor:./stack/cmd/impostor; do
  name=${image%:*}
  CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X orders/kit/telemetry.Version=$tag" -o "$out/$name" "${image#*:}"
  "$cluster" image "$registry/$name:$tag" "$out/$name"
done
