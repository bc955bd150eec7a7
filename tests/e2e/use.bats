#!/usr/bin/env bats
# What people do with images, done to seeded ones. Each test has a container of its own, without a network.

setup() {
  load support/load
  dind=e2e-use-$DIND_TEST_CELL-$BATS_TEST_NUMBER
  start_dind "$dind" "$baked"
}

teardown() { remove_dind "$dind"; }

# The cache, every path of it.
list_cache() { docker exec "$dind" /usr/local/libexec/treelist /var/lib/dind-cache; }

# Builds on top of an image that is all borrowed, with deletions of things in it.
dockerfile() {
  cat <<'DOCKERFILE'
FROM nasty/kinds:classic
RUN rm -rf /k/to-file /k/reborn && echo built >/k/built
COPY --from=nasty/links:classic /l/a/suid /suid
RUN test ! -e /k/to-file && test ! -e /k/gone && cat /k/built
DOCKERFILE
}

@test "run: a seeded image runs with no network" {
  run inner "$dind" run --rm --network none nasty/kinds:classic echo hello
  [ "$output" = hello ]
}

@test "run: a container writes over what is borrowed, and the image stays as it was" {
  inner "$dind" run --rm --network none nasty/links:classic sh -c 'echo changed >/l/a/one && rm /l/b/three && cat /l/a/one' | grep -qx changed
  run inner "$dind" run --rm --network none nasty/links:classic sh -c 'cat /l/a/one'
  [ "$output" = $'shared\nmore' ]
}

@test "build: the classic builder builds on top" {
  dockerfile | docker exec -i -e DOCKER_BUILDKIT=0 "$dind" docker build --network none -t top -
  run inner "$dind" run --rm --network none top cat /k/built
  [ "$output" = built ]
}

@test "build: BuildKit builds on top" {
  dockerfile | docker exec -i -e DOCKER_BUILDKIT=1 "$dind" docker build --network none -t top -
  run inner "$dind" run --rm --network none top cat /k/built
  [ "$output" = built ]
}

@test "build: the classic builder finds its cache in an image that is there already" {
  dockerfile | docker exec -i -e DOCKER_BUILDKIT=0 "$dind" docker build --network none -q -t top -
  run bash -c "$(declare -f dockerfile docker); dockerfile | docker exec -i -e DOCKER_BUILDKIT=0 $dind docker build --network none -t top -"
  [ "$(grep -c 'Using cache' <<<"$output")" = 3 ]
}

@test "build: as many layers as the engine allows can be added to a chain of sixty" {
  { echo "FROM nasty/deep:classic"; for i in $(seq 20); do echo "RUN echo $i >/more-$i"; done; } |
    docker exec -i -e DOCKER_BUILDKIT=0 "$dind" docker build --network none -q -t deeper -
  run inner "$dind" run --rm --network none deeper sh -c 'ls -d /more-* | wc -l'
  [ "$output" = 20 ]
}

@test "commit: a container's changes become an image" {
  inner "$dind" run --name job --network none nasty/kinds:classic sh -c 'rm -rf /k/kept && echo new >/k/new'
  inner "$dind" commit job committed
  run inner "$dind" run --rm --network none committed sh -c 'cat /k/new && test ! -e /k/kept'
  [ "$status" = 0 ]
  [ "$output" = new ]
}

@test "diff: tells exactly what a container changed" {
  inner "$dind" run --name job --network none nasty/kinds:classic sh -c 'rm /k/to-symlink && echo new >/k/new && echo more >>/k/swap-less'
  run inner "$dind" diff job
  diff <(printf '%s\n' 'A /k/new' 'A /k/swap-less' 'C /k' 'D /k/to-symlink') <(LC_ALL=C sort <<<"$output")
}

@test "save and load: an image built on top of a seeded one survives the trip" {
  dockerfile | docker exec -i -e DOCKER_BUILDKIT=0 "$dind" docker build --network none -q -t top -
  local before
  before=$(inner "$dind" image inspect -f '{{.Id}}' top)
  docker exec "$dind" sh -c 'docker save -o /tmp/top.tar top && docker rmi -f top && docker load -i /tmp/top.tar'
  [ "$(inner "$dind" image inspect -f '{{.Id}}' top)" = "$before" ]
  inner "$dind" run --rm --network none top cat /k/built
}

@test "rmi: removes the image and leaves the cache and its neighbours alone" {
  list_cache >"$BATS_TEST_TMPDIR/before"
  inner "$dind" rmi nasty/shared-a:classic
  run inner "$dind" image inspect nasty/shared-a:classic
  [ "$status" -ne 0 ]
  inner "$dind" run --rm --network none nasty/shared-b:classic cat /s/b
  list_cache | diff "$BATS_TEST_TMPDIR/before" -
}

@test "prune: removes every image, leaves no layer behind, and the cache alone" {
  list_cache >"$BATS_TEST_TMPDIR/before"
  inner "$dind" system prune -af
  [ "$(inner "$dind" image ls -aq | wc -l)" = 0 ]
  has_no_layers "$dind"
  list_cache | diff "$BATS_TEST_TMPDIR/before" -
}

@test "load: an image that was removed can be loaded again from its archive" {
  docker exec "$dind" sh -c 'docker save -o /tmp/saved.tar nasty/kinds:classic && docker rmi -f nasty/kinds:classic nasty/shared-a:classic nasty/shared-b:classic && docker load -i /tmp/saved.tar'
  list_image "$dind" nasty/kinds:classic >"$BATS_TEST_TMPDIR/listing"
  "$e2e/compare" "$oracle/nasty_kinds:classic" "$BATS_TEST_TMPDIR/listing"
}

@test "everyday use of seeded images changes nothing in the cache" {
  list_cache >"$BATS_TEST_TMPDIR/before"
  inner "$dind" run --rm --network none nasty/links:classic sh -c 'chown -R 1:1 /l; chmod -R 777 /l; rm -rf /l /bin/vi'
  dockerfile | docker exec -i -e DOCKER_BUILDKIT=1 "$dind" docker build --network none -q -t top -
  inner "$dind" save nasty/links:classic >/dev/null
  list_cache | diff "$BATS_TEST_TMPDIR/before" -
}

@test "the cache cannot be written to, even by root in the container" {
  run docker exec "$dind" sh -c 'echo >/var/lib/dind-cache/cache.json'
  [ "$status" -ne 0 ]
  [[ "$output" == *"ead-only file system"* ]]
}

@test "restart: seeded and built images are there, and nothing is seeded twice" {
  dockerfile | docker exec -i -e DOCKER_BUILDKIT=0 "$dind" docker build --network none -q -t top -
  inner "$dind" run --name job --network none nasty/kinds:classic sh -c 'echo mine >/mine'
  docker stop "$dind"
  docker start "$dind"
  wait_until "$dind" 60 dindctl ready
  status_of "$dind" .layers_by_method
  [ "$(status_of "$dind" .result)" = ok ]
  [ "$(status_of "$dind" '.layers_by_method | .link + .copy + .native')" = 0 ]
  inner "$dind" run --rm --network none top cat /k/built
  run inner "$dind" start -a job
  [ "$status" = 0 ]
  list_image "$dind" nasty/kinds:classic >"$BATS_TEST_TMPDIR/listing"
  "$e2e/compare" "$oracle/nasty_kinds:classic" "$BATS_TEST_TMPDIR/listing"
}

@test "restart: a new container on the old volume works, too" {
  local volume=e2e-volume-$DIND_TEST_CELL
  docker volume rm -f "$volume" >/dev/null
  start_dind "$dind" "$baked" -v "$volume:/var/lib/docker"
  dockerfile | docker exec -i -e DOCKER_BUILDKIT=0 "$dind" docker build --network none -q -t top -
  docker stop "$dind"
  start_dind "$dind" "$baked" -v "$volume:/var/lib/docker"
  inner "$dind" run --rm --network none top cat /k/built
  [ "$(status_of "$dind" .result)" = ok ]
  remove_dind "$dind"
  docker volume rm "$volume"
  start_dind "$dind" "$plain"
}

@test "restart: a killed container starts again with every image" {
  docker kill "$dind"
  docker start "$dind"
  wait_until "$dind" 60 dindctl ready
  [ "$(inner "$dind" image ls -q nasty/* | wc -l)" -gt 5 ]
  inner "$dind" run --rm --network none nasty/kinds:classic true
}

@test "restart: a tag that the user moved stays where they put it" {
  inner "$dind" tag nasty/links:classic nasty/kinds:classic
  local moved
  moved=$(inner "$dind" image inspect -f '{{.Id}}' nasty/links:classic)
  docker stop "$dind"
  docker start "$dind"
  wait_until "$dind" 60 dindctl ready
  [ "$(inner "$dind" image inspect -f '{{.Id}}' nasty/kinds:classic)" = "$moved" ]
}
