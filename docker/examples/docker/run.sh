#!/bin/sh
# An engine and a job beside it on one host, by plain docker: a network of their own, the engine's name in it is `docker`.
set -eu
image=${DIND_IMAGE:-registry.example.com/ci-dind:1}
job=${JOB_IMAGE:-docker:29-cli}
runs=${JOB_RUNS:-alpine:3.20}
name=dind-example-$$ # of the container and of the network: nothing else is removed at the end

clean_up() {
  docker rm -fv "$name" >/dev/null 2>&1 || true
  docker network rm "$name" >/dev/null 2>&1 || true
}
docker network create "$name" >/dev/null
trap clean_up EXIT
docker run -d --name "$name" --privileged --network "$name" --network-alias docker -e DOCKER_TLS_CERTDIR= "$image" >/dev/null
docker exec "$name" dindctl wait --timeout 60
docker run --rm --network "$name" -e DOCKER_HOST=tcp://docker:2375 --entrypoint docker "$job" \
  run --rm --network none "$runs" echo hello
