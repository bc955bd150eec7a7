#!/bin/sh
# An engine and a job beside it on one host, by plain docker: a network of their own, the engine's name in it is `docker`.
set -eu
image=${DIND_IMAGE:-registry.example.com/ci-dind:1}
job=${JOB_IMAGE:-docker:28-cli}
runs=${JOB_RUNS:-alpine:3.20}

clean_up() {
  docker rm -fv dind >/dev/null 2>&1 || true
  docker network rm dind >/dev/null 2>&1 || true
}
trap clean_up EXIT
clean_up
docker network create dind >/dev/null
docker run -d --name dind --privileged --network dind --network-alias docker -e DOCKER_TLS_CERTDIR= "$image" >/dev/null
docker exec dind dindctl wait --timeout 60
docker run --rm --network dind -e DOCKER_HOST=tcp://docker:2375 --entrypoint docker "$job" \
  run --rm --network none "$runs" echo hello
