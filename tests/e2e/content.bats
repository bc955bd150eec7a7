#!/usr/bin/env bats
# What is in the images: seeded ones against the same archives loaded by the same engine with overlay2.

setup_file() {
  load support/load
  linked=e2e-link-$DIND_TEST_CELL
  copied=e2e-copy-$DIND_TEST_CELL
  export linked copied
  start_dind "$linked" "$baked" -e DIND_STORE=graph -e DIND_SEED=link
  start_dind "$copied" "$baked" -e DIND_STORE=graph -e DIND_SEED=copy
}

setup() {
  load support/load
  # What a normally loaded image cannot be saved as either is left out.
  mapfile -t savable < <(references | grep -v '^handmade/sparse:')
}

teardown_file() {
  load support/load
  remove_dind "$linked" "$copied"
}

compare_images() { # CONTAINER
  local all
  mapfile -t all < <(references)
  list_images "$1" "$BATS_TEST_TMPDIR/listings" "${all[@]}"
  compare_listings "$oracle" "$BATS_TEST_TMPDIR/listings" "${all[@]}"
}

@test "link: every image of the cache is there" {
  [ "$(status_of "$linked" .result)" = ok ]
  [ "$(status_of "$linked" '.images_missing | length')" = 0 ]
  diff <(references | LC_ALL=C sort) <(inner "$linked" image ls --format '{{.Repository}}:{{.Tag}}' | LC_ALL=C sort)
}

@test "link: the layers are borrowed, but for tiny ones and those that cannot be" {
  status_of "$linked" '.strategy, .layers_by_method'
  [ "$(status_of "$linked" .strategy)" = link ]
  # Only what has attributes that no image can carry, or comes twice in a chain, is copied.
  [ "$(status_of "$linked" '.layers_by_method.link')" -gt 100 ]
  [ "$(status_of "$linked" '.layers_by_method.copy')" -le 6 ]
}

@test "link: every path of every image is as a normal load has it" { compare_images "$linked"; }

@test "link: every layer that docker save writes hashes to its diff ID" {
  inner "$linked" save "${savable[@]}" | "$e2e/check-saved" "${savable[@]}"
}

@test "copy: every image of the cache is there" {
  [ "$(status_of "$copied" .result)" = ok ]
  diff <(references | LC_ALL=C sort) <(inner "$copied" image ls --format '{{.Repository}}:{{.Tag}}' | LC_ALL=C sort)
}

@test "copy: no layer is borrowed" {
  status_of "$copied" '.strategy, .layers_by_method'
  [ "$(status_of "$copied" .strategy)" = copy ]
  [ "$(status_of "$copied" '.layers_by_method.link')" = 0 ]
  [ "$(status_of "$copied" '.layers_by_method.copy')" -gt 100 ]
  run docker exec "$copied" find /var/lib/docker/overlay2 -maxdepth 2 -name diff -type l
  [ "$output" = "" ]
}

@test "copy: every path of every image is as a normal load has it" { compare_images "$copied"; }

@test "copy: every layer that docker save writes hashes to its diff ID" {
  inner "$copied" save "${savable[@]}" | "$e2e/check-saved" "${savable[@]}"
}

@test "image IDs are those of a normal load" {
  local archive all
  for archive in $(archives_of "$DIND_TEST_CELL"); do "$e2e/check-saved" --ids <"$archive"; done | LC_ALL=C sort >"$BATS_TEST_TMPDIR/expected"
  mapfile -t all < <(references)
  inner "$linked" image inspect -f '{{.Id}}' "${all[@]}" >"$BATS_TEST_TMPDIR/ids"
  printf '%s\n' "${all[@]}" | paste -d ' ' - "$BATS_TEST_TMPDIR/ids" | LC_ALL=C sort | diff "$BATS_TEST_TMPDIR/expected" -
}

@test "a link seed writes at most 64 KiB a layer, and 256 bytes and a directory's block a deletion" {
  local layers deletions written
  layers=$(status_of "$linked" .layers)
  deletions=$(docker exec "$linked" find /var/lib/docker/overlay2 -type c -links +1 | wc -l)
  # Not the status' own figure, which is what the filesystem lost meanwhile, to whomever.
  written=$(($(docker exec "$linked" du -skc /var/lib/docker/overlay2 /var/lib/docker/image | tail -n 1 | cut -f 1) * 1024))
  echo "$written bytes for $layers layers and $deletions deletions"
  [ "$written" -le $((layers * 65536 + deletions * (256 + 4096))) ]
}
