#!/usr/bin/env bats
# Who listens where, from when on, and how dockerd gets the sockets. H1 to H6 are the stock entrypoint's behaviours.

setup_file() {
  load support/load
  "$programs/dindctl" bake --progress none -o "$BATS_FILE_TMPDIR/cache" "docker-archive:$images/handmade/opaque.tar"
}

setup() {
  load support/load
  dind=e2e-listeners-$DIND_TEST_CELL-$BATS_TEST_NUMBER
}

teardown() { docker rm -fv "$dind" "$dind-other" >/dev/null 2>&1 || true; }

no_tls=(-e DOCKER_TLS_CERTDIR=)

# What listens inside: one line a socket, "unix PATH" or "tcp ADDRESS:PORT", by the kernel's own tables.
listening() {
  docker exec "$dind" sh -c 'cat /proc/net/unix' | awk '$4 == "00010000" && $8 ~ /docker.sock~?$/ { sub(/~$/, "", $8); print "unix " $8 }'
  docker exec "$dind" sh -c 'cat /proc/net/tcp /proc/net/tcp6' | awk '$4 == "0A" { print "tcp " $2 }'
}

hex_port() { printf '%04X' "$1"; }
listens_on() { listening | grep -q "^tcp [0-9A-F]*:$(hex_port "$1")\$"; } # PORT

over_tcp() { docker exec "$dind" docker -H "tcp://$1" "${@:2}"; } # ADDRESS COMMAND…

dockerd_arguments() { docker exec "$dind" sh -c 'tr "\0" " " </proc/$(cat /var/run/docker.pid)/cmdline'; }

# A container that ends at once: its exit code, its log in $BATS_TEST_TMPDIR/log.
exit_code_of() { # docker run options… [-- arguments]
  run_dind "$dind" "$plain" "$@"
  wait_exit_code "$dind"
}

log_has() { docker logs "$dind" 2>&1 | grep -qE -- "$1"; }

@test "H1: the unix socket is /var/run/docker.sock, of root and the group docker, 0660" {
  start_dind "$dind" "$plain"
  run docker exec "$dind" stat -c '%a %u %g %F' /var/run/docker.sock
  [ "$output" = "660 0 2375 socket" ]
}

@test "H1: DOCKER_HOST=unix://… names another socket" {
  start_dind "$dind" "$plain" -e DOCKER_HOST=unix:///var/run/other.sock
  docker exec "$dind" test -S /var/run/other.sock
  run docker exec "$dind" test -e /var/run/docker.sock
  [ "$status" = 1 ]
  docker exec "$dind" docker version >/dev/null
}

@test "H2: with TLS, port 2376 and no plain one" {
  start_dind "$dind" "$plain"
  listens_on 2376
  run listens_on 2375
  [ "$status" = 1 ]
  [ "$(status_of "$dind" '.warnings | map(select(contains("without TLS"))) | length')" = 0 ]
}

@test "H3: without TLS, port 2375, and a warning that says what to do" {
  start_dind "$dind" "$plain" "${no_tls[@]}"
  over_tcp 127.0.0.1:2375 version >/dev/null
  log_has 'level=warning.*open without TLS on tcp://0.0.0.0:2375.*DOCKER_TLS_CERTDIR'
  status_of "$dind" '.warnings[]' | grep -q 'open without TLS'
}

@test "H3: plain TCP answers within seconds, not after the 16 that dockerd waits for by itself" {
  SECONDS=0
  start_dind "$dind" "$plain" "${no_tls[@]}"
  over_tcp 127.0.0.1:2375 version >/dev/null
  [ "$SECONDS" -lt 12 ]
}

@test "H3: DIND_TCP_BIND narrows the listener, and there is no warning then" {
  start_dind "$dind" "$plain" "${no_tls[@]}" -e DIND_TCP_BIND=127.0.0.1
  run listening
  [[ "$output" == *"tcp 0100007F:0947"* ]]
  [[ "$output" != *"00000000:0947"* ]]
  [ "$(status_of "$dind" '.warnings | map(select(contains("without TLS"))) | length')" = 0 ]
}

ipv6=(--sysctl net.ipv6.conf.all.disable_ipv6=0)

@test "H3: clients of IPv6 are served as well, unless DIND_TCP_BIND=0.0.0.0" {
  start_dind "$dind" "$plain" "${no_tls[@]}" "${ipv6[@]}" -- --host=tcp://0.0.0.0:4243
  over_tcp '[::1]:2375' version >/dev/null
  over_tcp '[::1]:4243' version >/dev/null
  docker rm -fv "$dind" >/dev/null
  start_dind "$dind" "$plain" "${no_tls[@]}" "${ipv6[@]}" -e DIND_TCP_BIND=0.0.0.0
  over_tcp 127.0.0.1:2375 version >/dev/null
  run over_tcp '[::1]:2375' version
  [ "$status" -ne 0 ]
}

@test "H2: clients of IPv6 find the address in the server's certificate" {
  start_dind "$dind" "$plain" "${ipv6[@]}"
  docker exec -e DOCKER_CERT_PATH=/certs/client "$dind" docker -H 'tcp://[::1]:2376' --tlsverify version >/dev/null
}

@test "H6: the user's --host comes beside the defaults, and one that repeats them counts once" {
  start_dind "$dind" "$plain" "${no_tls[@]}" -- --host=unix:///var/run/docker.sock --host=tcp://0.0.0.0:2375 -H tcp://127.0.0.1:4243
  over_tcp 127.0.0.1:2375 version >/dev/null
  over_tcp 127.0.0.1:4243 version >/dev/null
  inner "$dind" version >/dev/null
}

@test "H6: the user's flags are behind ours" {
  start_dind "$dind" "$plain" -- --label=last=1
  [[ "$(dockerd_arguments)" == "dockerd --host=fd:// --tlsverify "*" --label=last=1 "* ]]
}

@test "A3: dockerd in full has its own listeners, with the group that it names" {
  start_dind "$dind" "$plain" -- dockerd --host=unix:///var/run/docker.sock --group=123
  run docker exec "$dind" stat -c %g /var/run/docker.sock
  [ "$output" = 123 ]
  run docker exec "$dind" sh -c 'cat /proc/net/tcp /proc/net/tcp6'
  [[ "$output" != *":0947 "* && "$output" != *":0948 "* ]]
}

@test "hosts of daemon.json are listened on, and dockerd does not stumble over both" {
  echo '{"hosts": ["unix:///var/run/docker.sock", "tcp://127.0.0.1:4243"]}' >"$BATS_TEST_TMPDIR/daemon.json"
  start_dind "$dind" "$plain" "${no_tls[@]}" -v "$BATS_TEST_TMPDIR/daemon.json:/etc/docker/daemon.json:ro"
  over_tcp 127.0.0.1:4243 version >/dev/null
  over_tcp 127.0.0.1:2375 version >/dev/null
}

@test "an address that is not understood is left to dockerd, beside sockets that are handed over" {
  start_dind "$dind" "$plain" "${no_tls[@]}" --add-host dind.test:127.0.0.1 -- --host=tcp://dind.test:4243
  over_tcp 127.0.0.1:4243 version >/dev/null
  over_tcp 127.0.0.1:2375 version >/dev/null
  [[ "$(dockerd_arguments)" == *"--host=fd:// --host=tcp://dind.test:4243 --tls=false "* ]]
}

@test "off: dockerd binds, and does not wait" {
  SECONDS=0
  start_dind "$dind" "$plain" "${no_tls[@]}" -e DIND_ACTIVATE=off
  [[ "$(dockerd_arguments)" == *"--host=tcp://0.0.0.0:2375 --tls=false "* ]]
  over_tcp 127.0.0.1:2375 version >/dev/null
  [ "$SECONDS" -lt 12 ]
}

@test "TLS flags of the user's apply to the TCP socket that is handed over, and not to the unix one" {
  start_dind "$dind" "$plain" # for keys
  docker cp "$dind:/certs" "$BATS_TEST_TMPDIR/certs" >/dev/null
  docker rm -fv "$dind" >/dev/null
  start_dind "$dind" "$plain" -v "$BATS_TEST_TMPDIR/certs/server:/keys:ro" -v "$BATS_TEST_TMPDIR/certs/client:/client:ro" -- \
    dockerd --host=unix:///var/run/docker.sock --host=tcp://127.0.0.1:2376 --tlsverify --tlscacert=/keys/ca.pem --tlscert=/keys/cert.pem --tlskey=/keys/key.pem
  [[ "$(dockerd_arguments)" == *"--host=fd://"* ]]
  inner "$dind" version >/dev/null
  docker exec -e DOCKER_CERT_PATH=/client "$dind" docker -H tcp://127.0.0.1:2376 --tlsverify version >/dev/null
  run docker exec "$dind" docker -H tcp://127.0.0.1:2376 version
  [ "$status" -ne 0 ]
}

@test "a port of the API cannot be published by a container inside" {
  start_dind "$dind" "$baked" "${no_tls[@]}"
  run inner "$dind" run -d -p 2375:2375 nasty/kinds:buildkit sleep 100
  [ "$status" -ne 0 ]
  [[ "$output" == *2375* ]]
  over_tcp 127.0.0.1:2375 version >/dev/null
}

@test "a stale unix socket is replaced" {
  mkdir "$BATS_TEST_TMPDIR/run"
  python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$BATS_TEST_TMPDIR/run/api.sock"
  start_dind "$dind" "$plain" -e DOCKER_HOST=unix:///shared/api.sock -v "$BATS_TEST_TMPDIR/run:/shared"
  inner "$dind" version >/dev/null
}

@test "a unix socket that somebody serves is left alone, and named: exit code 71" {
  start_dind "$dind-other" "$plain" -v "$BATS_TEST_TMPDIR:/shared" -e DOCKER_HOST=unix:///shared/api.sock
  run exit_code_of -v "$BATS_TEST_TMPDIR:/shared" -e DOCKER_HOST=unix:///shared/api.sock
  [ "$output" = 71 ]
  log_has 'another process listens at /shared/api.sock'
  docker exec "$dind-other" docker version >/dev/null
  docker rm -fv "$dind-other" >/dev/null
}

@test "a port that is taken is a line that names it, and exit code 71" {
  start_dind "$dind-other" "$plain" "${no_tls[@]}"
  docker run -d --name "$dind" --privileged --network "container:$dind-other" "${no_tls[@]}" "$plain" >/dev/null
  [ "$(wait_exit_code "$dind")" = 71 ]
  log_has 'port 2375 is taken on 0.0.0.0'
  docker rm -fv "$dind-other" >/dev/null
}

@test "a group that does not exist is named" {
  run exit_code_of -- --group=nobody-knows-it
  [ "$output" = 71 ]
  log_has '--group=nobody-knows-it.*no such group'
}

@test "the socket's file goes with the engine" {
  start_dind "$dind" "$plain" -v "$BATS_TEST_TMPDIR:/shared" -e DOCKER_HOST=unix:///shared/api.sock
  docker stop -t 30 "$dind" >/dev/null
  [ ! -e "$BATS_TEST_TMPDIR/api.sock" ]
}

rounds() { seq "$(if [ -n "${DIND_TEST_FULL-}" ]; then echo 100; else echo 5; fi)"; }

# Asks as soon as the socket's file is there. The client is here before the container is.
ask_first_thing() { # SOCKET
  local deadline=$((SECONDS + 30))
  until [ -S "$1" ]; do ((SECONDS < deadline)) || return 1; done
  /usr/bin/docker -H "unix://$1" version -f '{{.Server.Version}}'
}

# The same by TCP, in the network namespace of a container, with the client's further options.
ask_first_thing_by_tcp() { # CONTAINER PORT [options]
  nsenter --net --target "$(docker inspect -f '{{.State.Pid}}' "$1")" timeout 30 bash -c '
    until : </dev/tcp/127.0.0.1/"$0"; do :; done 2>/dev/null
    exec /usr/bin/docker -H "tcp://127.0.0.1:$0" "$@" version -f "{{.Server.Version}}"' "${@:2}"
}

@test "a client that connects as soon as the socket is there gets its answer, every time" {
  local round shared
  for round in $(rounds); do
    shared=$BATS_TEST_TMPDIR/$round
    mkdir "$shared"
    ask_first_thing "$shared/api.sock" >"$shared/answer" &
    run_dind "$dind" "$baked" "${no_tls[@]}" -e DOCKER_HOST=unix:///shared/api.sock -v "$shared:/shared"
    wait $!
    grep -q . "$shared/answer"
  done
}

@test "a client that connects as soon as the port is open gets its answer, every time" {
  local round
  for round in $(rounds); do
    run_dind "$dind" "$baked" "${no_tls[@]}"
    ask_first_thing_by_tcp "$dind" 2375 | grep -q .
  done
}

@test "a client that connects as soon as the port is open gets its answer with TLS, every time" {
  local round certs=$BATS_TEST_TMPDIR/certs options
  mkdir "$certs"
  start_dind "$dind" "$baked" -v "$certs:/certs"
  options=(--tlsverify --tlscacert "$certs/client/ca.pem" --tlscert "$certs/client/cert.pem" --tlskey "$certs/client/key.pem")
  for round in $(rounds); do
    run_dind "$dind" "$baked" -v "$certs:/certs"
    ask_first_thing_by_tcp "$dind" 2376 "${options[@]}" | grep -q .
  done
}

# Says of each moment of a boot whether the port was open, and whether dockerd ran: "open running", "closed none".
watch_port() { # PID
  nsenter --net --pid --mount --target "$1" sh -c '
    while :; do
      if grep -qE ": [0-9A-F]*:0947 [0-9A-F:]+ 0A " /proc/net/tcp /proc/net/tcp6; then port=open; else port=closed; fi
      if grep -qx dockerd /proc/[0-9]*/comm 2>/dev/null; then engine=running; else engine=none; fi
      echo "$port $engine"
      [ ! -e /run/stop-watching ] || exit 0
    done' 3>&-
}

@test "F21: with copying, no port is open before dockerd is about to start" {
  run_dind "$dind" "$baked" "${no_tls[@]}" -e DIND_SEED=copy
  watch_port "$(docker inspect -f '{{.State.Pid}}' "$dind")" >"$BATS_TEST_TMPDIR/seen" 2>/dev/null &
  local watcher=$!
  wait_until "$dind" 120 dindctl ready
  docker exec "$dind" touch /run/stop-watching; wait "$watcher"
  sort "$BATS_TEST_TMPDIR/seen" | uniq -c
  grep -qx 'closed none' "$BATS_TEST_TMPDIR/seen"
  [ "$(status_of "$dind" .layers_by_method.copy)" -gt 0 ]
  # Listening comes just before the start: a moment at most.
  [ "$(grep -cx 'open none' "$BATS_TEST_TMPDIR/seen")" -le 5 ]
}

@test "early: the port is open while layers are copied, and the client waits" {
  run_dind "$dind" "$baked" "${no_tls[@]}" -e DIND_SEED=copy -e DIND_ACTIVATE=early
  watch_port "$(docker inspect -f '{{.State.Pid}}' "$dind")" >"$BATS_TEST_TMPDIR/seen" 2>/dev/null &
  local watcher=$!
  wait_until "$dind" 120 dindctl ready
  docker exec "$dind" touch /run/stop-watching; wait "$watcher"
  [ "$(grep -cx 'open none' "$BATS_TEST_TMPDIR/seen")" -gt 5 ]
}

@test "while images are loaded, nobody is served on the public listeners" {
  run_dind "$dind" "$plain" "${no_tls[@]}" -v "$BATS_FILE_TMPDIR/cache:/var/lib/dind-cache:ro" -e DIND_SEED=load
  watch_port "$(docker inspect -f '{{.State.Pid}}' "$dind")" >"$BATS_TEST_TMPDIR/seen" 2>/dev/null &
  local watcher=$!
  wait_until "$dind" 120 dindctl ready
  docker exec "$dind" touch /run/stop-watching; wait "$watcher"
  # The engine that loads runs, and the port is closed.
  grep -qx 'closed running' "$BATS_TEST_TMPDIR/seen"
}
