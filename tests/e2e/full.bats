#!/usr/bin/env bats
# What takes minutes: run.sh --full.

setup() { load support/load; }

@test "docker/Dockerfile compiles and tests the programs itself, with the classic builder" {
  "$project/scripts/stand-in.sh" debian
  DOCKER_BUILDKIT=0 docker build -q --network host -f "$project/docker/Dockerfile" \
    --build-arg BASE="$(base_of "$DIND_TEST_CELL")" --build-arg TESTS=1 -t dind-test-classic "$project"
  run docker run --rm --network none dind-test-classic sh -c 'exit 7'
  [ "$status" = 7 ]
}
