#!/usr/bin/env bats
# The examples of docker/examples, run as their READMEs say, with test images in place of the registry's.

setup_file() {
  load support/load
  export DIND_IMAGE=$few JOB_IMAGE=$plain JOB_RUNS=nasty/kinds:classic
}

setup() {
  load support/load
  examples=$project/docker/examples
  work=$BATS_TEST_TMPDIR
}

@test "plain docker: the job runs a baked image by the engine's network alias" {
  run "$examples/docker/run.sh"
  echo "$output"
  [ "$status" = 0 ]
  [ "${lines[-1]}" = hello ]
}

@test "compose: the job starts when the images are there, and its end is the end" {
  needs docker-compose command -v docker-compose
  compose() { docker-compose -p e2e-examples -f "$examples/compose/compose.yaml" "$@"; }
  run compose up --exit-code-from job
  compose down --volumes >/dev/null 2>&1
  echo "$output"
  [ "$status" = 0 ]
  [[ "$output" == *hello* ]]
}

@test "service container: healthy when every image is there, reached by its alias from a job container" {
  docker network create e2e-service >/dev/null
  # The options of docker/examples/github-service/workflow.yml.
  local options
  options=$(python3 -c 'import sys, yaml; print(list(yaml.safe_load(open(sys.argv[1]))["jobs"].values())[0]["services"]["docker"]["options"])' \
    "$examples/github-service/workflow.yml")
  eval "docker run -d --name e2e-service --network e2e-service --network-alias docker -e DOCKER_TLS_CERTDIR= $options $few" >/dev/null
  local deadline=$((SECONDS + 60))
  until [ "$(docker inspect -f '{{.State.Health.Status}}' e2e-service)" = healthy ]; do
    ((SECONDS < deadline)) || { docker logs --tail 20 e2e-service; die "not healthy"; }
    sleep 0.2
  done
  run docker run --rm --network e2e-service -e DOCKER_HOST=tcp://docker:2375 --entrypoint docker "$plain" \
    run --rm --network none "$JOB_RUNS" echo hello
  docker rm -fv e2e-service >/dev/null
  docker network rm e2e-service >/dev/null
  echo "$output"
  [ "$status" = 0 ]
  [ "${lines[-1]}" = hello ]
}
