#!/usr/bin/env bats
# How a dind container lives and ends: stop, drain, restart, ends with the job; with real engines and real inner containers.

setup() {
  load support/load
  dind=e2e-life-$DIND_TEST_CELL-$BATS_TEST_NUMBER
}

teardown() { docker rm -fv "$dind" "$dind-pause" "$dind-job" >/dev/null 2>&1 || true; }

# As PID 1 it does not hear SIGTERM, and an engine that stops would wait for it.
busy() { inner "$dind" run -d --network none --stop-signal KILL "$@" nasty/kinds:classic sleep 1000 >/dev/null; }

exit_code() { wait_exit_code "$dind"; }

logged() { docker logs "$dind" 2>&1 | grep -qE "$1" || { docker logs "$dind" 2>&1 | tail -n 20 >&2; return 1; }; }

# Waits until the log has a line; there is no event for it outside.
until_logged() { # PATTERN SECONDS
  local deadline=$((SECONDS + $2))
  until docker logs "$dind" 2>&1 | grep -qE "$1"; do
    ((SECONDS < deadline)) || { docker logs "$dind" 2>&1 | tail -n 20 >&2; return 1; }
    sleep 0.1
  done
}

dockerd_pid() { docker exec "$dind" sh -c 'cat /var/run/docker.pid'; }

@test "PID 1 is small: one thread, at most 1 MiB of memory of its own and 4 MiB in all" {
  start_dind "$dind" "$baked"
  docker exec "$dind" cat /proc/1/status /proc/1/smaps_rollup >"$BATS_TEST_TMPDIR/memory"
  cat "$BATS_TEST_TMPDIR/memory"
  [ "$(awk '$1 == "Threads:" { print $2 }' "$BATS_TEST_TMPDIR/memory")" = 1 ]
  [ "$(awk '$1 == "Anonymous:" { print $2 }' "$BATS_TEST_TMPDIR/memory")" -le 1024 ]
  [ "$(awk '$1 == "Pss:" { print $2 }' "$BATS_TEST_TMPDIR/memory")" -le 4096 ]
}

@test "PID 1 sleeps while nothing happens" {
  start_dind "$dind" "$plain"
  # A probe makes an orphan of nothing, but it reports the end of what docker exec started to PID 1's parent, not to it.
  switches() { awk '/ctxt_switches/ { sum += $2 } END { print sum }' "/proc/$1/status"; }
  local pid before
  pid=$(docker inspect -f '{{.State.Pid}}' "$dind")
  sleep 1 # what the start has left behind
  before=$(switches "$pid")
  sleep 3
  [ "$(switches "$pid")" = "$before" ]
}

@test "a stop tells dockerd once, ends inner containers, and keeps the status" {
  start_dind "$dind" "$few"
  busy --name job
  docker stop -t 60 "$dind"
  [ "$(exit_code)" = 0 ]
  [ "$(docker logs "$dind" 2>&1 | grep -c "Processing signal 'terminated'")" -le 1 ]
  logged 'SIGTERM: stopping'
}

@test "DIND_STOP_TIMEOUT kills a dockerd that does not stop" {
  start_dind "$dind" "$plain" -e DIND_STOP_TIMEOUT=1
  docker exec "$dind" sh -c 'kill -STOP $(cat /var/run/docker.pid)'
  docker kill -s TERM "$dind"
  [ "$(exit_code)" = 137 ]
  logged 'not stopped in time'
}

@test "SIGTERM before READY stops promptly with 143" {
  run_dind "$dind" "$plain" --entrypoint sh -- -c 'printf "#!/bin/sh\nexec sleep 1000\n" >/usr/local/sbin/dockerd; chmod +x /usr/local/sbin/dockerd; exec dind-init'
  wait_until "$dind" 20 grep -q launching /run/dind-init/status.json
  docker kill -s TERM "$dind"
  [ "$(exit_code)" = 143 ]
}

@test "DIND_DRAIN waits for inner containers, serves meanwhile, and is alive but not ready" {
  start_dind "$dind" "$few" -e DIND_DRAIN=60
  busy --name job
  docker kill -s TERM "$dind"
  until_logged 'draining for 60 s' 5
  run docker exec "$dind" dindctl live
  [ "$status" = 0 ]
  run docker exec "$dind" dindctl ready
  [ "$status" = 1 ]
  [ "$(status_of "$dind" .state)" = draining ]
  inner "$dind" rm -f job # still served
  SECONDS=0
  [ "$(exit_code)" = 0 ]
  [ "$SECONDS" -lt 30 ]
  logged 'idle: no container, build or request for 3 s: stopping'
}

@test "DIND_DRAIN is bounded, and a second SIGTERM ends it" {
  start_dind "$dind" "$few" -e DIND_DRAIN=4
  busy
  docker kill -s TERM "$dind"
  [ "$(exit_code)" = 0 ]
  logged 'the time to drain is over: stopping'
  start_dind "$dind" "$few" -e DIND_DRAIN=600
  busy
  docker kill -s TERM "$dind"
  until_logged 'SIGTERM: draining' 5
  docker kill -s TERM "$dind"
  [ "$(exit_code)" = 0 ]
  logged 'may take longer than the usual grace'
}

@test "DIND_DRAIN_IGNORE: containers with the label do not hold it" {
  start_dind "$dind" "$few" -e DIND_DRAIN=600 -e DIND_DRAIN_IGNORE=role=proxy
  busy --label role=proxy
  docker kill -s TERM "$dind"
  [ "$(exit_code)" = 0 ]
  logged 'idle: no container without the label role=proxy, build or request for 3 s: stopping'
}

@test "DIND_DRAIN waits for builds and other requests" {
  start_dind "$dind" "$few" -e DIND_DRAIN=600
  docker exec -d "$dind" sh -c 'printf "FROM nasty/kinds:classic\nRUN sleep 6; date\n" | DOCKER_BUILDKIT=1 docker build --network none -t built - >/tmp/build.log 2>&1'
  wait_until "$dind" 30 sh -c 'grep -qszx "sleep 6; dat[e]" /proc/[0-9]*/cmdline'
  docker kill -s TERM "$dind"
  [ "$(exit_code)" = 0 ]
  docker cp "$dind:/var/lib/docker/image/overlay2/repositories.json" - 2>/dev/null | tar -xO | grep -q '"built:latest"'
}

@test "DIND_EXIT_WITH=file: ends with 0 when the file appears" {
  local shared=$BATS_TEST_TMPDIR/shared
  mkdir "$shared"
  start_dind "$dind" "$few" -e DIND_EXIT_WITH=file:/shared/done -v "$shared:/shared"
  busy
  touch "$shared/done"
  [ "$(exit_code)" = 0 ]
  logged '/shared/done is there: stopping'
}

@test "DIND_EXIT_WITH=idle: ends with 0 when the engine has been idle for so long" {
  start_dind "$dind" "$few" -e DIND_EXIT_WITH=idle:4
  inner "$dind" run --rm --network none nasty/kinds:classic sleep 5
  [ "$(docker inspect -f '{{.State.Running}}' "$dind")" = true ]
  [ "$(exit_code)" = 0 ]
  logged 'idle: no container, build or request for 4 s: stopping'
}

# The order of a pod with a sidecar on a cluster that shares the process namespace.
@test "DIND_EXIT_WITH=main: ends with 0 when the pod's other main process has gone" {
  docker run -d --name "$dind-pause" --network none --entrypoint sleep "$plain" 1000 >/dev/null
  start_dind "$dind" "$plain" --pid "container:$dind-pause" -e DIND_EXIT_WITH=main
  docker run -d --name "$dind-job" --network none --pid "container:$dind-pause" --entrypoint sleep "$plain" 3 >/dev/null
  [ "$(exit_code)" = 0 ]
  # On a busy machine the name is that of the program that starts containers: it is looked at for half a second.
  logged '(sleep|runc:\[2:INIT\]) .* of another container has ended: stopping'
}

@test "DIND_EXIT_WITH=main as PID 1 is a usage error that says what to do" {
  run_dind "$dind" "$plain" -e DIND_EXIT_WITH=main
  [ "$(exit_code)" = 64 ]
  logged shareProcessNamespace
}

@test "DIND_RESTART: a dockerd that was killed comes back, and live-restored containers go on" {
  start_dind "$dind" "$few" -e DIND_RESTART=on-failure -- --live-restore
  busy --name job
  local before after
  before=$(inner "$dind" inspect -f '{{.State.Pid}} {{.State.StartedAt}}' job)
  docker exec "$dind" sh -c 'kill -KILL $(cat /var/run/docker.pid)'
  wait_until "$dind" 30 sh -c 'grep -q "\"restarts\": 1" /run/dind-init/status.json && dindctl ready'
  after=$(inner "$dind" inspect -f '{{.State.Pid}} {{.State.StartedAt}}' job)
  [ "$before" = "$after" ]
  logged 'starting it again in 0.1 s'
}

@test "DIND_RESTART: while dockerd does not run, dind-init is alive and not ready" {
  start_dind "$dind" "$plain" -e DIND_RESTART=on-failure
  docker exec "$dind" sh -c 'mv "$(command -v dockerd)" /dockerd.away; kill -KILL $(cat /var/run/docker.pid)'
  wait_until "$dind" 10 grep -q restarting /run/dind-init/status.json
  run docker exec "$dind" dindctl live
  [ "$status" = 0 ]
  run docker exec "$dind" dindctl ready
  [ "$status" = 1 ]
  docker kill -s TERM "$dind"
  [ "$(exit_code)" = 143 ]
}

@test "without DIND_RESTART a dockerd that dies is the container's end" {
  start_dind "$dind" "$plain"
  docker exec "$dind" sh -c 'kill -KILL $(cat /var/run/docker.pid)'
  [ "$(exit_code)" = 137 ]
}

@test "hooks run after READY and before ready, and their failure is a warning, or the end" {
  local hooks=$BATS_TEST_TMPDIR/hooks
  mkdir "$hooks"
  printf '#!/bin/sh\ndocker version >/seen && cat /run/dind-init/status.json >>/seen\n' >"$hooks/10-look"
  printf '#!/bin/sh\nexit 3\n' >"$hooks/20-fail"
  chmod +x "$hooks"/*
  start_dind "$dind" "$plain" -v "$hooks:/etc/dind-init/post-start.d:ro"
  docker exec "$dind" grep -q '"state": "launching"' /seen
  status_of "$dind" '.warnings[]' | grep -q '20-fail ended with 3'
  run_dind "$dind" "$plain" -v "$hooks:/etc/dind-init/post-start.d:ro" -e DIND_HOOK_ON_ERROR=fail
  [ "$(exit_code)" = 71 ]
}

@test "the boot is told as metrics, as a plot, and to people" {
  start_dind "$dind" "$few" -e DIND_METRICS_FILE=/run/metrics.prom
  docker exec "$dind" cat /run/metrics.prom | grep -qx 'dind_ready 1'
  docker exec "$dind" dindctl plot >"$BATS_TEST_TMPDIR/boot.svg"
  python3 -c 'import sys, xml.etree.ElementTree as t; t.parse(sys.argv[1])' "$BATS_TEST_TMPDIR/boot.svg"
  grep -q prefers-color-scheme "$BATS_TEST_TMPDIR/boot.svg"
  docker exec "$dind" dindctl status | grep -E '^ +for [0-9]+ s'
}

# Kubernetes' order with a native sidecar: it starts first, its startup probe (timeout 1 s) succeeds, the main container
# starts, works and ends; then the sidecar's preStop hook, SIGTERM, and SIGKILL at the end of the grace.
@test "as a Kubernetes sidecar: probe, job, preStop, SIGTERM, within the grace" {
  run_dind "$dind" "$few" -v "$BATS_TEST_TMPDIR:/var/run/shared" -e DIND_DRAIN=10 -- --host=unix:///var/run/shared/docker.sock
  local probes=0
  until timeout 1 docker exec "$dind" dindctl ready; do
    probes=$((probes + 1))
    [ "$probes" -lt 60 ]
    sleep 0.2
  done
  docker run --name "$dind-job" --network none -v "$BATS_TEST_TMPDIR:/var/run/shared" -e DOCKER_HOST=unix:///var/run/shared/docker.sock \
    --entrypoint docker "$plain" run --rm --network none nasty/kinds:classic echo worked
  docker exec "$dind" dindctl live # preStop may be anything; this one looks
  SECONDS=0
  docker stop -t 30 "$dind"
  [ "$SECONDS" -lt 25 ]
  [ "$(exit_code)" = 0 ]
}
