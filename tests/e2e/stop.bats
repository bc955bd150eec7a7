#!/usr/bin/env bats
# SIGTERM while images are seeded: the end comes at once, whatever is being done, and the next start goes on.

setup_file() {
  load support/load
  # One layer of a file that takes a second or more to copy, and to hash.
  mkdir "$BATS_FILE_TMPDIR/images"
  python3 -B "$e2e/images/large.py" "$BATS_FILE_TMPDIR/images/large.tar" big:1 $((600 * 2 ** 20))
  "$programs/dindctl" bake --progress none -o "$BATS_FILE_TMPDIR/cache" "$BATS_FILE_TMPDIR/images/large.tar"
  rm "$BATS_FILE_TMPDIR/images/large.tar"
}

setup() {
  load support/load
  dind=e2e-stop-$DIND_TEST_CELL
  docker volume create "$dind" >/dev/null
  options=(-v "$dind:/var/lib/docker" -v "$BATS_FILE_TMPDIR/cache:/var/lib/dind-cache:ro" -e DIND_SEED=copy)
}

teardown() {
  docker rm -fv "$dind" >/dev/null 2>&1 || true
  docker volume rm -f "$dind" >/dev/null
}

# Stops a container once its log says something, and tells how long it took to end. It has a fifth of a processor, or
# a fast machine would have done its work before the log is read.
stop_at() { # WORDS [docker run options]
  local sent ended
  run_dind "$dind" "$plain" --cpus 0.2 "${@:2}"
  until docker logs "$dind" 2>&1 | grep -q "$1"; do [ "$(docker inspect -f '{{.State.Running}}' "$dind")" = true ]; done
  sent=$(date +%s%3N)
  docker kill -s TERM "$dind" >/dev/null
  [ "$(wait_exit_code "$dind")" = 143 ]
  ended=$(date -d "$(docker inspect -f '{{.State.FinishedAt}}' "$dind")" +%s%3N)
  docker logs "$dind" 2>&1 | { ! grep 'msg="seeded '; }
  echo "# from \`docker kill\` to the end: $((ended - sent)) ms" >&3
  # Most of it is the engine's; generous, for machines that do other work.
  ((ended - sent < 2000))
}

@test "SIGTERM while a large file is copied: 143 at once, and the next start completes it" {
  stop_at 'msg="storage driver: ' "${options[@]}"
  start_dind "$dind" "$plain" "${options[@]}"
  [ "$(status_of "$dind" '.result + "/" + .strategy')" = ok/copy ]
  [ "$(inner "$dind" image inspect -f '{{.Size}}' big:1)" = $((600 * 2 ** 20)) ]
  run docker exec "$dind" sh -c 'ls -A /var/lib/docker/.dind-init/staging 2>/dev/null'
  [ "$output" = "" ]
}

@test "SIGTERM while the cache is hashed: 143 at once" {
  stop_at 'msg="cache /var/lib/dind-cache: ' "${options[@]}" -e DIND_VERIFY=full
}
