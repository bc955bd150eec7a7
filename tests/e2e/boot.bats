#!/usr/bin/env bats
# PID 1 and its caches: what it starts, how it ends, and what a cache that is damaged does.

setup_file() {
  load support/load
  make_small_cache
}

setup() {
  load support/load
  dind=e2e-boot-$DIND_TEST_CELL-$BATS_TEST_NUMBER
  small=$BATS_FILE_TMPDIR/cache
  damaged=$BATS_TEST_TMPDIR/cache
}

teardown() { docker rm -fv "$dind" >/dev/null 2>&1 || true; }

# Two images by hand, on one base, made on the host; tests damage copies of it.
make_small_cache() {
  "$programs/dindctl" bake --progress none -o "$BATS_FILE_TMPDIR/cache" \
    "docker-archive:$images/handmade/links.tar" "docker-archive:$images/handmade/opaque.tar"
}

damage() { # COMMAND…: changes a copy of the small cache
  cp -a "$small" "$damaged"
  (cd "$damaged" && "$@")
}

start_damaged() { start_dind "$dind" "$plain" -v "$damaged:/var/lib/dind-cache"; }

# Waits for the end of a container that must not live, and prints its log.
exit_code_of() { # docker run options… [-- arguments]
  run_dind "$dind" "$plain" "$@"
  wait_exit_code "$dind"
}

# Under `fail` an unusable cache ends the container with 65, and one line says why.
refuses() { # PATTERN
  run exit_code_of -v "$damaged:/var/lib/dind-cache" -e DIND_SEED_ON_ERROR=fail
  docker logs "$dind" 2>&1 | grep -v level=info | tee "$BATS_TEST_TMPDIR/log"
  [ "$output" = 65 ]
  grep -E 'level=(error|fatal)' "$BATS_TEST_TMPDIR/log" | grep -qE "$1"
}

# Without it the engine starts, cold, and says so.
starts_cold() {
  start_damaged
  [ "$(status_of "$dind" .result)" = cold ]
  [ "$(inner "$dind" image ls -q | wc -l)" = 0 ]
  [ "$(status_of "$dind" '.warnings | length')" -ge 1 ]
}

first_tree() { find layer -mindepth 2 -maxdepth 2 -name tree | LC_ALL=C sort | head -n 1; }

# The directory of the layer on top of an image, by the last diff ID of its configuration.
top_layer_of() { # REFERENCE
  local id
  id=$(jq -r --arg name "$1" '.images[] | select(.. | strings | contains($name)) | .id' "$small/cache.json" | head -n 1)
  echo "layer/$(jq -r '.rootfs.diff_ids[-1]' "$small/config/${id#sha256:}.json" | sed 's/^sha256://')"
}

@test "no cache: a plain launcher, with no images" {
  start_dind "$dind" "$plain"
  [ "$(inner "$dind" image ls -aq | wc -l)" = 0 ]
  [ "$(docker exec "$dind" cat /proc/1/comm)" = dind-init ]
}

@test "no cache: nothing is in the data root that the engine did not put there" {
  start_dind "$dind" "$plain"
  docker exec "$dind" find /var/lib/docker -maxdepth 2 | LC_ALL=C sort >"$BATS_TEST_TMPDIR/ours"
  start_engine_container "$dind" "$DIND_TEST_CELL"
  docker exec "$dind" find /var/lib/docker -maxdepth 2 | LC_ALL=C sort >"$BATS_TEST_TMPDIR/theirs"
  diff <(sed 's/[0-9a-f]\{64\}/ID/' "$BATS_TEST_TMPDIR/theirs") <(sed 's/[0-9a-f]\{64\}/ID/' "$BATS_TEST_TMPDIR/ours")
}

@test "a baked image runs at once, with no network" {
  start_dind "$dind" "$few"
  run inner "$dind" run --rm --network none nasty/kinds:classic echo hello
  [ "$output" = hello ]
}

@test "no DIND_ variable reaches dockerd's environment" {
  start_dind "$dind" "$few" -e DIND_SEED=link -e DIND_SEED_JOBS=2 -e OTHER=kept
  docker exec "$dind" sh -c 'tr "\0" "\n" </proc/$(cat /var/run/docker.pid)/environ' >"$BATS_TEST_TMPDIR/environ"
  grep -qx OTHER=kept "$BATS_TEST_TMPDIR/environ"
  run grep -E '^DIND_' "$BATS_TEST_TMPDIR/environ"
  [ "$output" = "" ]
}

@test "the stock entrypoint's name starts dind-init" {
  start_dind "$dind" "$few" --entrypoint dockerd-entrypoint.sh
  inner "$dind" run --rm --network none nasty/kinds:classic true
}

@test "a flag is handed to dockerd" {
  start_dind "$dind" "$plain" -- --label=cell=mine
  run inner "$dind" info -f '{{.Labels}}'
  [ "$output" = "[cell=mine]" ]
}

@test "dockerd and its flags are run as they are" {
  start_dind "$dind" "$plain" -- dockerd --label=cell=mine
  run inner "$dind" info -f '{{.Labels}}'
  [ "$output" = "[cell=mine]" ]
}

@test "the user's daemon.json holds, and is not written to" {
  echo '{"labels": ["from=file"], "log-level": "warn"}' >"$BATS_TEST_TMPDIR/daemon.json"
  cp "$BATS_TEST_TMPDIR/daemon.json" "$BATS_TEST_TMPDIR/before"
  start_dind "$dind" "$few" -v "$BATS_TEST_TMPDIR/daemon.json:/etc/docker/daemon.json"
  run inner "$dind" info -f '{{.Labels}}'
  [ "$output" = "[from=file]" ]
  cmp "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/daemon.json"
}

@test "any other command is run, and its status is the container's" {
  run exit_code_of -- sh -c 'exit 7'
  [ "$output" = 7 ]
}

@test "a command that does not exist ends with 127" {
  run exit_code_of -- no-such-command
  [ "$output" = 127 ]
}

@test "a command that cannot be executed ends with 126" {
  run exit_code_of -- /etc/passwd
  [ "$output" = 126 ]
}

@test "a bad value is one line that names the variable and what is allowed, and exit 64" {
  run exit_code_of -e DIND_SEED=hurry
  [ "$output" = 64 ]
  run docker logs "$dind"
  [[ "$output" == *DIND_SEED*hurry*link* ]]
  [ "${#lines[@]}" = 1 ]
}

@test "dockerd's own exit status is the container's" {
  run exit_code_of -- --no-such-flag
  local ours=$output
  docker rm -fv "$dind" >/dev/null
  run_dind "$dind" "$(base_of "$DIND_TEST_CELL")" -- --no-such-flag
  [ "$ours" = "$(wait_exit_code "$dind")" ]
}

@test "docker stop ends the engine cleanly, with its containers, and well within the grace period" {
  start_dind "$dind" "$few"
  inner "$dind" run -d --network none nasty/kinds:classic sh -c 'trap "exit 0" TERM; while :; do sleep 0.1; done'
  SECONDS=0
  docker stop -t 30 "$dind"
  [ "$SECONDS" -lt 20 ]
  [ "$(docker inspect -f '{{.State.ExitCode}}' "$dind")" = 0 ]
}

@test "SIGINT ends it as SIGTERM does" {
  start_dind "$dind" "$plain"
  docker kill -s INT "$dind"
  [ "$(wait_exit_code "$dind")" = 0 ]
}

@test "SIGHUP reaches dockerd, which lives on" {
  start_dind "$dind" "$plain"
  docker kill -s HUP "$dind"
  wait_until "$dind" 10 sh -c 'true'
  local deadline=$((SECONDS + 10))
  until docker logs "$dind" 2>&1 | grep -qi 'Got signal to reload configuration'; do ((SECONDS < deadline)); sleep 0.1; done
  inner "$dind" version >/dev/null
}

@test "the end of dockerd by a signal is told as 128 and the signal" {
  start_dind "$dind" "$plain"
  docker exec "$dind" sh -c 'kill -KILL "$(cat /var/run/docker.pid)"'
  [ "$(wait_exit_code "$dind")" = 137 ]
}

@test "orphans are reaped" {
  start_dind "$dind" "$plain"
  docker exec "$dind" sh -c 'for i in 1 2 3 4 5 6 7 8; do sh -c "sleep 0.2 & sleep 0.1 &" & done; wait'
  local deadline=$((SECONDS + 10)) zombies=some
  until [ -z "$zombies" ] && ! docker exec "$dind" pidof sleep >/dev/null; do
    ((SECONDS < deadline)) || die "zombies: $zombies"
    sleep 0.2
    zombies=$(docker exec "$dind" sh -c 'cat /proc/[0-9]*/stat 2>/dev/null' | grep -E '\) Z ' || true)
  done
}

@test "status: the report names the engine, the phases and PID 1" {
  start_dind "$dind" "$few"
  run docker exec "$dind" dindctl status
  [ "$status" = 0 ]
  docker exec "$dind" dindctl status --json | jq -e '.version == 1 and .pid == 1 and .state == "ready" and .result == "ok" and .driver == "overlay2"'
  docker exec "$dind" dindctl status --json | jq -e '[.phases[].name] | index("options") != null and index("seed") != null and index("ready") != null'
  docker exec "$dind" dindctl status --json | jq -e --arg version "$(inner "$dind" version -f '{{.Server.Version}}')" '.engine as $engine | $version | startswith($engine)'
}

@test "ready: is true of a living engine, and false of none" {
  start_dind "$dind" "$plain"
  docker exec "$dind" dindctl ready
  docker exec "$dind" sh -c 'kill -STOP "$(cat /var/run/docker.pid)"'
  run docker exec "$dind" timeout 20 dindctl ready
  [ "$status" = 1 ]
  docker exec "$dind" sh -c 'kill -CONT "$(cat /var/run/docker.pid)"'
}

@test "off: DIND_SEED=off leaves the cache alone" {
  start_dind "$dind" "$few" -e DIND_SEED=off
  [ "$(inner "$dind" image ls -aq | wc -l)" = 0 ]
}

@test "bad cache: of a newer format" {
  damage sh -c 'jq ".version = 99" cache.json >new && mv new cache.json'
  refuses 'version|format|newer'
  starts_cold
}

@test "bad cache: cache.json is not JSON" {
  damage sh -c 'echo "{ not json" >cache.json'
  refuses 'cache.json'
  starts_cold
}

@test "bad cache: cache.json is not there" {
  damage rm cache.json
  refuses 'cache.json'
  starts_cold
}

@test "bad cache: a layer's tree is a symlink out of the cache" {
  # shellcheck disable=SC2016  # expanded by the inner shell
  damage sh -c 'for tree in layer/*/tree; do rm -rf "$tree" && ln -s /etc "$tree"; done'
  refuses 'tree'
  starts_cold
}

@test "bad cache: image IDs and diff IDs that are paths" {
  damage sh -c 'sed -i -E "s/sha256:[0-9a-f]{60}/sha256:..\/..\/..\/..\/..\/..\/..\/..\/..\/..\/..\/..\/..\/..\/etc/g" cache.json'
  refuses 'digest|ID|cache.json'
  starts_cold
}

@test "bad cache: a damaged canary is told, and every layer is copied" {
  damage sh -c 'find canary -type f | head -n 1 | xargs rm'
  start_damaged
  [ "$(status_of "$dind" .result)" = ok ]
  [ "$(status_of "$dind" .layers_by_method.link)" = 0 ]
  docker logs "$dind" 2>&1 | grep level=warning | grep -q 'cache was damaged'
}

@test "DIND_VERIFY=full: a good cache is borrowed, and a byte that has changed costs the images on it" {
  local file
  start_dind "$dind" "$plain" -v "$small:/var/lib/dind-cache" -e DIND_VERIFY=full
  [ "$(status_of "$dind" '.result + "/" + .strategy')" = ok/link ]
  docker rm -fv "$dind"
  file=$(cd "$small" && find "$(top_layer_of handmade/links:1)/tree" -type f -size +0 | head -n 1)
  # shellcheck disable=SC2016  # expanded by the inner shell
  damage sh -c 'printf "\377" | dd of="$0" conv=notrunc 2>/dev/null; touch -r "$1/$0" "$0"' "$file" "$small"
  start_dind "$dind" "$plain" -v "$damaged:/var/lib/dind-cache" -e DIND_VERIFY=full
  [ "$(status_of "$dind" '.result + " without " + (.images_missing | join(" "))')" = "degraded without handmade/links:1" ]
  docker logs "$dind" 2>&1 | grep level=warning | grep -qF "$file"
}

@test "damaged in transit: lost owners, setuid bits and capabilities are restored by copying" {
  # What COPY from a build context does to a cache.
  damage sh -c 'find . ! -type l -perm /6000 -exec chmod ug-s {} +; chown -Rh 0:0 .; find . -type f -exec setcap -r {} \; 2>/dev/null; :'
  start_damaged
  [ "$(status_of "$dind" .result)" = ok ]
  [ "$(status_of "$dind" .layers_by_method.link)" = 0 ]
  local name
  for name in links opaque; do
    list_image "$dind" "handmade/$name:1" >"$BATS_TEST_TMPDIR/listing"
    "$e2e/compare" "$oracle/handmade_$name:1" "$BATS_TEST_TMPDIR/listing"
  done
}

@test "one bad image does not cost the others, and is named" {
  damage rm -rf "$(top_layer_of handmade/links)/tree"
  start_damaged
  [ "$(status_of "$dind" .result)" = degraded ]
  status_of "$dind" '.images_missing[]' | grep -q handmade/links
  inner "$dind" image inspect handmade/opaque:1 >/dev/null
  run inner "$dind" image inspect handmade/links:1
  [ "$status" -ne 0 ]
}

@test "one bad image is fatal under DIND_SEED_ON_ERROR=fail, and nothing half-made is left" {
  damage rm -rf "$(top_layer_of handmade/links)/tree"
  refuses 'handmade/links'
}

@test "the cache must be the one that DIND_CACHE_DIGEST names" {
  local digest
  digest=sha256:$(sha256sum "$small/cache.json" | cut -d' ' -f1)
  start_dind "$dind" "$plain" -v "$small:/var/lib/dind-cache" -e DIND_CACHE_DIGEST="$digest" -e DIND_SEED_ON_ERROR=fail
  run exit_code_of -v "$small:/var/lib/dind-cache" -e DIND_CACHE_DIGEST="sha256:$(printf '0%.0s' $(seq 64))" -e DIND_SEED_ON_ERROR=fail
  [ "$output" = 65 ]
}
