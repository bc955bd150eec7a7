#!/usr/bin/env bash
# Makes what a release consists of. A commit gives the same files, in whatever folder and whenever it is built.
#
#   release.sh [--out DIR] [--sign CMD] --tag TAG        compiles a clone of TAG for both architectures
#   release.sh [--out DIR] [--sign CMD] [BINARIES]...    takes finished static programs, a folder for each architecture
#                                                        (build/release/bin)
#
# In DIR (dist) are then:
#
#   dind-init-VERSION-linux-ARCH.tar.gz     dind-init, dindctl, completions for shells, manual pages, LICENSE, LGPL-2.1
#                                           (of libfuse and glibc)
#   dind-init-VERSION-linux-ARCH.oci.tar    the image dind-init-programs: nothing but the two programs in /usr/local/bin,
#                                           for `COPY --from=dind-init-programs`: docker load, podman load or skopeo
#   dind-init-VERSION-linux-ARCH.cdx.json   CycloneDX: the Debian packages whose code is linked in
#   dind-init-VERSION-linux.oci.tar         the same image for all the architectures: skopeo copy --all
#   dind-init-VERSION.md                    the tag's section of CHANGELOG.md, or what is not released yet
#   SHA256SUMS                              of all of them. CMD is run with this name behind it, in DIR, to sign it
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(dirname "$here")
out=dist
sign=""
tag=""
folders=()
epoch=${SOURCE_DATE_EPOCH:-0}

fail() {
  echo "release.sh: $*" >&2
  exit 1
}

while [ $# -gt 0 ]; do
  case "$1" in
    --out | --sign | --tag)
      [ $# -gt 1 ] || fail "$1 needs a value"
      declare "${1#--}=$2"
      shift
      ;;
    -*) sed -n '4,6s/^# \{0,3\}//p' "$0" >&2; exit 64 ;;
    *) folders+=("$1") ;;
  esac
  shift
done

for tool in jq gzip sha256sum dpkg-query git; do command -v "$tool" >/dev/null || fail "needs $tool"; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What CHANGELOG.md says under a heading.
section() { awk -v head="## [$1]" '/^## / { on = index($0, head) == 1; next } on' "$project/CHANGELOG.md"; }

build_tag() {
  local preset
  git clone -q -c advice.detachedHead=false --branch "$tag" "$project" "$work/clone"
  project=$work/clone
  grep -q "^project(dind-init VERSION ${tag#v} " "$project/CMakeLists.txt" || fail "$tag: CMakeLists.txt has another version"
  grep -qE "^## \\[${tag#v}\\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$" "$project/CHANGELOG.md" ||
    fail "$tag: CHANGELOG.md has no section '## [${tag#v}] - YYYY-MM-DD'"
  epoch=$(git -C "$project" log -1 --format=%ct)
  for preset in release release-arm64; do
    echo "$tag: compiling $preset"
    (cd "$project" && cmake --preset "$preset" && cmake --build --preset "$preset" --target dind-init dindctl) >"$work/log" 2>&1 ||
      { tail -n 20 "$work/log" >&2; fail "$tag: $preset does not build"; }
    folders+=("$project/build/$preset/bin")
  done
}

if [ -n "$tag" ]; then
  [ ${#folders[@]} -eq 0 ] || fail "--tag compiles its own programs"
  build_tag
elif [ ${#folders[@]} -eq 0 ]; then
  folders=("$project/build/release/bin")
fi

# Of a folder of programs, as Go and Debian name it.
arch_of() {
  case $(readelf -h "$1/dindctl" | sed -n 's/^ *Machine: *//p') in
    *X86-64) echo amd64 ;;
    AArch64) echo arm64 ;;
    *) fail "$1: for an architecture that is not released" ;;
  esac
}

# Of an architecture, as Debian's cross tools name it, on whatever machine they are.
triplet_of() { case "$1" in amd64) echo x86_64-linux-gnu ;; arm64) echo aarch64-linux-gnu ;; esac; }

dindctl="" # one that runs here, to be asked
for folder in "${folders[@]}"; do
  for program in dind-init dindctl; do [ -x "$folder/$program" ] || fail "no $folder/$program; build the release preset"; done
  "$here/check-static.sh" "$folder/dind-init" "$folder/dindctl" || fail "the programs are not what a release is made of"
  if [ -z "$dindctl" ] && "$folder/dindctl" --version >/dev/null 2>&1; then dindctl=$folder/dindctl; fi
done
[ -n "$dindctl" ] || fail "none of the programs runs here, to write manual pages"
version=$("$dindctl" --version | awk 'NR == 1 { print $2 }')
commit=$("$dindctl" --version | sed -n 's/^commit //p')
for folder in "${folders[@]}"; do
  grep -aqF "$commit" "$folder/dindctl" || fail "$folder: of another commit than $dindctl"
done

# A tar that depends on nothing but what is in it.
make_tar() { tar --sort=name --format=ustar --mtime="@$epoch" --owner=0 --group=0 --numeric-owner -c -C "$@"; }

programs_to() { # FOLDER
  local program
  mkdir -p "$1"
  for program in dind-init dindctl; do "$(triplet_of "$arch")-strip" -o "$1/$program" "$folder/$program"; done
  chmod 755 "$1"/dind*
}

make_tarball() {
  local shell verb
  programs_to "$work/$name"
  cp "$project/LICENSE" /usr/share/common-licenses/LGPL-2.1 "$work/$name/"
  mkdir "$work/$name/completion" "$work/$name/man"
  for shell in bash zsh fish; do "$dindctl" completion "$shell" >"$work/$name/completion/dindctl.$shell"; done
  "$dindctl" man >"$work/$name/man/dindctl.1"
  for verb in $("$dindctl" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do
    "$dindctl" man "$verb" >"$work/$name/man/dindctl-$verb.1"
  done
  chmod -R u=rwX,go=rX "$work/$name"
  make_tar "$work" "$name" | gzip -9n >"$out/$name.tar.gz"
}

blob() { # FILE TYPE: puts it into the layout, prints its descriptor
  local digest
  digest=$(sha256sum "$1" | cut -d' ' -f1)
  cp "$1" "$layout/blobs/sha256/$digest"
  jq -cn --arg type "$2" --arg digest "sha256:$digest" --argjson size "$(stat -c %s "$1")" \
    '{mediaType: $type, digest: $digest, size: $size}'
}

# index.json, by which the layout has an image of two names.
name_image() { # DESCRIPTOR
  jq -cn --argjson image "$1" --arg version "$version" '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: ["latest", $version | $image + {annotations: {"org.opencontainers.image.ref.name": "dind-init-programs:\(.)",
      "io.containerd.image.name": "docker.io/library/dind-init-programs:\(.)"}}]}' >"$layout/index.json"
  printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
  find "$layout" -type f -exec chmod 644 {} +
}

# One layer of two files needs no engine. The layer is gzip, which every engine takes. Its manifest is what `manifest`
# has in the end, for the index of all architectures.
make_image() {
  local diff_id layer config created
  local oci=application/vnd.oci.image
  created=$(date -u -d "@$epoch" +%FT%TZ)
  programs_to "$work/root-$arch/usr/local/bin"
  chmod 755 "$work/root-$arch"/usr "$work/root-$arch"/usr/local "$work/root-$arch"/usr/local/bin
  make_tar "$work/root-$arch" usr >"$work/layer.tar"
  diff_id=sha256:$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
  gzip -9nf "$work/layer.tar"
  layer=$(blob "$work/layer.tar.gz" $oci.layer.v1.tar+gzip)
  jq -cn --arg arch "$arch" --arg created "$created" --arg diff_id "$diff_id" --arg version "$version" \
    --arg commit "$commit" '{architecture: $arch, os: "linux", created: $created,
    config: {Entrypoint: ["/usr/local/bin/dindctl"], Env: ["PATH=/usr/local/bin"], Labels: ({title: "dind-init-programs",
    description: "dind-init and dindctl, static, for COPY --from", version: $version, revision: $commit,
    licenses: "Apache-2.0"} | with_entries(.key |= "org.opencontainers.image.\(.)"))},
    rootfs: {type: "layers", diff_ids: [$diff_id]}, history: [{created: $created, created_by: "scripts/release.sh"}]}' >"$work/config"
  config=$(blob "$work/config" $oci.config.v1+json)
  jq -cn --argjson config "$config" --argjson layer "$layer" --arg type $oci.manifest.v1+json \
    '{schemaVersion: 2, mediaType: $type, config: $config, layers: [$layer]}' >"$work/manifest"
  manifest=$(blob "$work/manifest" $oci.manifest.v1+json)
}

# manifest.json beside the OCI index lets `docker load` of any version read the image.
make_layout() {
  layout=$work/layout-$arch
  mkdir -p "$layout/blobs/sha256"
  make_image
  name_image "$manifest"
  jq -c --arg version "$version" 'def path: "blobs/sha256/" + (.digest | ltrimstr("sha256:"));
    [{Config: (.config | path), RepoTags: ["dind-init-programs:latest", "dind-init-programs:\($version)"],
    Layers: [.layers[] | path]}]' "$work/manifest" >"$layout/manifest.json"
  make_tar "$layout" blobs index.json manifest.json oci-layout >"$out/$name.oci.tar"
  manifests+=("$(jq -c --arg arch "$arch" '. + {platform: {architecture: $arch, os: "linux"}}' <<<"$manifest")")
}

# Of all architectures.
make_index() {
  layout=$work/layout
  mkdir -p "$layout/blobs/sha256"
  cp "$work"/layout-*/blobs/sha256/* "$layout/blobs/sha256/"
  jq -cs --arg type application/vnd.oci.image.index.v1+json '{schemaVersion: 2, mediaType: $type, manifests: .}' \
    <<<"${manifests[*]}" >"$work/index"
  name_image "$(blob "$work/index" application/vnd.oci.image.index.v1+json)"
  make_tar "$layout" blobs index.json oci-layout >"$out/$name-linux.oci.tar"
}

# Static libraries and headers whose code is in the programs. A compiler for another architecture has its own C++ library.
linked_packages() {
  printf "%s:$arch\n" libboost-filesystem1.81-dev libboost-json1.81-dev libboost1.81-dev libbz2-dev libc6-dev libfmt-dev \
    libfuse3-dev liblzma-dev libssl-dev libzstd-dev zlib1g-dev
  echo libcli11-dev
  if [ "$arch" = "$(dpkg --print-architecture)" ]; then echo "libstdc++-12-dev:$arch"; else echo "libstdc++-12-dev-$arch-cross"; fi
}

# What dpkg says of each package, and the licence file that it came with.
make_sbom() {
  local package
  for package in $(linked_packages); do
    # shellcheck disable=SC2016  # dpkg's own variables
    dpkg-query -W -f '${Package}\t${Version}\t${source:Package}\t${source:Version}\t${Architecture}\t${Maintainer}\n' "$package" ||
      fail "$package is not installed here: run this where the programs were built"
  done | jq -RSn --arg version "$version" --arg sum "$(sha256sum "$work/$name/dind-init" | cut -d' ' -f1)" \
    --arg created "$(date -u -d "@$epoch" +%FT%TZ)" --arg distro "$(sed -n "s/^VERSION_ID=\"\(.*\)\"/\1/p" /etc/os-release)" '
    [inputs | split("\t") | {type: "library", name: .[0], version: .[1], supplier: {name: .[5]},
      purl: "pkg:deb/debian/\(.[0])@\(.[1] | @uri)?arch=\(.[4])&distro=debian-\($distro)",
      properties: [{name: "debian:source", value: "\(.[2])@\(.[3])"}]}] as $components |
    {bomFormat: "CycloneDX", specVersion: "1.5", version: 1,
      metadata: {timestamp: $created, component: {type: "application", name: "dind-init", version: $version,
        licenses: [{license: {id: "Apache-2.0"}}], hashes: [{alg: "SHA-256", content: $sum}]}},
      components: $components}' >"$out/$name.cdx.json"
}

mkdir -p "$out"
made=()
manifests=()
for folder in "${folders[@]}"; do
  arch=$(arch_of "$folder")
  name=dind-init-$version-linux-$arch
  make_tarball
  make_layout
  make_sbom
  made+=("$name".{tar.gz,oci.tar,cdx.json})
done
name=dind-init-$version
make_index
section "$([ -n "$tag" ] && echo "$version" || echo Unreleased)" >"$out/$name.md"
made+=("$name-linux.oci.tar" "$name.md")
cd "$out"
sha256sum "${made[@]}" >SHA256SUMS
[ -z "$sign" ] || sh -c "$sign \"\$1\"" sign SHA256SUMS
ls -l "${made[@]}" SHA256SUMS
