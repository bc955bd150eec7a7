# The image set: built by real engines in throwaway dind containers, and by hand. Needs world.bash, dind.bash.
# shellcheck shell=bash
# shellcheck disable=SC2154  # from world.bash

built_by_both=(kinds links metadata names deep repeated)

# What the set is made from names it.
images_dir() { echo "$world/images-$(digest_of "$e2e/images" "$project/scripts/stand-in.sh")"; }

# The archives that a cell bakes and its oracle loads. Engines before 25 write the old layout.
archives_of() {
  case "$1" in
    20) echo "$images/20.tar" ;;
    *) echo "$images/28.tar" ;;
  esac
  printf '%s\n' "$images"/handmade/*.tar
}

references() { cat "$images/references"; }

# A busybox root, with setcap and the libraries that it loads.
write_nasty_base() {
  local root=$1/nasty-base library
  mkdir -p "$root"/{bin,etc,tmp,lib64,root}
  chmod 1777 "$root/tmp"
  cp "$(command -v busybox)" "$root/bin/busybox"
  chroot "$root" /bin/busybox --install -s /bin
  cp /sbin/setcap "$root/bin/setcap"
  for library in $(ldd /sbin/setcap | grep -oE '/[^ ]+\.so[^ ]*'); do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done
  tar -C "$root" --numeric-owner --mtime=@1600000000 --sort=name -cf "$1/nasty-base.tar" .
  rm -r "$root"
}

# Builds with the engine of container $1, tagging with $2, which is the builder's name.
build_set() {
  local engine=$1 builder=$2 buildkit=0 name who
  if [ "$builder" = buildkit ]; then buildkit=1; fi
  build() {
    docker exec -e DOCKER_BUILDKIT=$buildkit "$engine" \
      docker build -q --network none --build-arg BUILDER="$builder" -t "$@" >/dev/null
  }
  docker exec "$engine" docker import -q /out/nasty-base.tar nasty/base >/dev/null 2>&1 ||
    docker exec "$engine" docker import /out/nasty-base.tar nasty/base >/dev/null
  for name in "${built_by_both[@]}"; do
    say "  $builder: $name"
    build "nasty/$name:$builder" "/src/$name"
  done
  for who in a b; do build "nasty/shared-$who:$builder" --build-arg WHO=$who /src/shared; done
  if [ "$builder" = buildkit ]; then build nasty/heavy:buildkit /src/heavy; fi
}

nasty_references() {
  docker exec "$1" docker image ls --format '{{.Repository}}:{{.Tag}}' | grep -E '^nasty/.*:(classic|buildkit)$' | LC_ALL=C sort
}

save_set() {
  # shellcheck disable=SC2046  # one word a reference
  docker exec "$1" docker save -o "/out/$2" $(nasty_references "$1")
}

make_images() {
  images=$(images_dir)
  if [ -f "$images/complete" ]; then return; fi
  local work=$images.partial old=e2e-maker-20 new=e2e-maker-28
  rm -rf "$work"
  mkdir -p "$work"
  say "making the image set (once; later runs reuse it)"
  python3 -B "$e2e/images/handmade.py" "$work/handmade"
  python3 -B "$e2e/images/hostile.py" "$work/hostile"
  write_nasty_base "$work"
  "$project/scripts/stand-in.sh" debian >/dev/null
  docker save -o "$work/debian.tar" debian:bookworm
  start_engine_container "$old" 20 -v "$work:/out" -v "$e2e/images:/src:ro"
  start_engine_container "$new" 28 -v "$work:/out" -v "$e2e/images:/src:ro"
  # Each engine builds its part, then both save the same images, each in its own layout.
  build_set "$old" classic
  save_set "$old" 20.tar
  docker exec "$new" docker load -q -i /out/20.tar >/dev/null
  docker exec "$new" docker load -q -i /out/debian.tar >/dev/null
  build_set "$new" buildkit
  save_set "$new" 28.tar
  docker exec "$old" docker load -q -i /out/28.tar >/dev/null
  save_set "$old" 20.tar
  nasty_references "$old" >"$work/references"
  basename -s .tar "$work"/handmade/*.tar | sed 's|.*|handmade/&:1|' >>"$work/references"
  docker rm -fv "$old" "$new" >/dev/null
  rm "$work/debian.tar"
  # Whatever is newer than the set was written by a load or a bake.
  date +%s >"$work/complete"
  rm -rf "$images"
  mv "$work" "$images"
}

# An OCI layout of the set, with compressed layers, for comparing caches.
make_oci_layout() {
  oci=$images/oci
  if [ -f "$oci/complete" ]; then return; fi
  local reference
  rm -rf "$oci"
  while read -r reference; do
    skopeo copy -q "docker-archive:$images/20.tar:$reference" "oci:$oci:$reference"
  done < <(grep '^nasty/' "$images/references")
  : >"$oci/complete"
}

# A few images that hold what drivers may get wrong, for seeding often.
matrix_references() {
  printf '%s\n' nasty/kinds:classic nasty/links:buildkit nasty/metadata:classic
  printf 'handmade/%s:1\n' implied opaque overridden repeated
}

# The same as one archive each. An image of its own does not lose what it is called by.
matrix_archives() { matrix_references | sed "s|[/:]|-|g; s|.*|$images/matrix/&.tar|"; }

make_matrix_archives() {
  local reference directory=$images/matrix archive
  if [ -d "$directory" ]; then return; fi
  rm -rf "$directory.partial"
  mkdir "$directory.partial"
  for reference in $(matrix_references); do
    archive=$directory.partial/${reference//[\/:]/-}.tar
    case "$reference" in
      handmade/*:1) cp "$images/${reference%:1}.tar" "$archive" ;;
      *) retag "$reference" "$reference" "$archive" ;;
    esac
  done
  mv "$directory.partial" "$directory"
}

# One of the images that the builders made as an archive of its own, under any name. skopeo cannot read the old
# layout's links from layer to layer.
retag() { # REFERENCE NAME ARCHIVE
  rm -f "$3"
  skopeo copy -q "docker-archive:$images/28.tar:$1" "docker-archive:$3:$2"
}
