#!/usr/bin/env bats
# How CI systems use a docker-in-docker image: each with its own containers, volumes and probes.

setup() {
  load support/load
  name=e2e-form-$DIND_TEST_CELL-$BATS_TEST_NUMBER
  dind=$name-dind
  shared=$name-run
  client=(run --rm --network none -v "$shared:/var/run" --entrypoint docker)
}

teardown() {
  docker rm -fv "$dind" >/dev/null 2>&1 || true
  docker volume rm -f "$shared" >/dev/null 2>&1 || true
}

# As the runner does: an ordinary user of the group that the socket was given to.
runner() { docker "${client[@]}" --user 1001:123 "$few" "$@"; }

@test "ARC: dockerd in full with --group=123, a runner of that group, and a /var/run that outlives restarts" {
  start_dind "$dind" "$few" -v "$shared:/var/run" -- dockerd --host=unix:///var/run/docker.sock --group=123
  [ "$(runner version -f '{{.Server.Version}}')" = "$(inner "$dind" version -f '{{.Server.Version}}')" ]
  [ "$(docker exec "$dind" stat -c %a:%g /var/run/docker.sock)" = 660:123 ]
  runner image inspect nasty/kinds:classic >/dev/null

  docker restart -t 20 "$dind" >/dev/null
  wait_until "$dind" 60 dindctl ready
  runner version >/dev/null

  # The kubelet kills what does not end in time: socket, pid files and all else are left behind.
  docker kill "$dind" >/dev/null
  docker start "$dind" >/dev/null
  wait_until "$dind" 60 dindctl ready
  runner run --rm --network none nasty/kinds:classic true
}

@test "ARC: nobody else may use the socket" {
  start_dind "$dind" "$plain" -v "$shared:/var/run" -- dockerd --host=unix:///var/run/docker.sock --group=123
  run docker "${client[@]}" --user 1001:1001 "$plain" version
  [ "$status" -ne 0 ]
}

@test "Jenkins, Tekton: the step's container and the engine's share /var/run, and a probe gates the step" {
  run_dind "$dind" "$few" -v "$shared:/var/run" -- dockerd --host=unix:///var/run/docker.sock
  # A readiness probe: asked until it succeeds, and the first success must be the truth.
  local deadline=$((SECONDS + 60))
  until docker exec "$dind" dindctl ready --seeded >/dev/null 2>&1; do ((SECONDS < deadline)); sleep 0.1; done
  docker run --rm --network "container:$dind" -v "$shared:/var/run" --entrypoint docker "$few" run --rm --network none nasty/kinds:classic true
}

@test "DIND_READY_FILE: is there when all is ready, and gone before the engine is" {
  local file=$BATS_TEST_TMPDIR/shared/ready
  mkdir -p "${file%/*}"
  echo stale >"$file"
  run_dind "$dind" "$few" -v "${file%/*}:/shared" -e DIND_READY_FILE=/shared/ready
  wait_until "$dind" 60 sh -c 'test -e /shared/ready && ! grep -q stale /shared/ready'
  docker exec "$dind" dindctl ready --seeded
  docker stop -t 30 "$dind" >/dev/null
  [ ! -e "$file" ]
}

@test "ready --seeded: asks the engine itself what it has" {
  start_dind "$dind" "$few"
  docker exec "$dind" dindctl ready --seeded
  inner "$dind" image rm -f nasty/kinds:classic >/dev/null
  run docker exec "$dind" dindctl ready --seeded
  [ "$status" = 1 ]
  [[ "$output" == *nasty/kinds:classic* ]]
  docker exec "$dind" dindctl ready
}

@test "a HEALTHCHECK is in the baked image, and none in the drop-in one" {
  [ "$(docker image inspect -f '{{json .Config.Healthcheck}}' "$plain")" = null ]
  start_dind "$dind" "$few"
  local deadline=$((SECONDS + 20))
  until [ "$(docker inspect -f '{{.State.Health.Status}}' "$dind")" = healthy ]; do ((SECONDS < deadline)); sleep 0.2; done
}

compose() { (cd "$BATS_TEST_TMPDIR" && docker-compose --project-name "$name" "$@"); }

@test "Compose: a job starts when the engine is healthy" {
  needs "docker-compose" docker-compose version
  cat >"$BATS_TEST_TMPDIR/docker-compose.yml" <<YAML
version: "2.4"
services:
  docker:
    image: $few
    container_name: $dind
    privileged: true
    environment: {DOCKER_TLS_CERTDIR: ""}
    volumes: ["run:/var/run"]
    healthcheck: {test: ["CMD", "dindctl", "ready", "--seeded"], interval: 1s, timeout: 10s, retries: 60}
  job:
    image: $plain
    command: docker run --rm --network none nasty/kinds:classic echo it-runs
    entrypoint: []
    network_mode: "service:docker"
    volumes: ["run:/var/run"]
    depends_on: {docker: {condition: service_healthy}}
volumes: {run: {}}
YAML
  run compose up --no-color --exit-code-from job job
  compose down -v --timeout 10 >/dev/null 2>&1
  [ "$status" = 0 ]
  [[ "$output" == *it-runs* ]]
}
