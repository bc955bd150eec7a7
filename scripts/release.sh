#!/usr/bin/env bash
# Makes what a release consists of, from finished static programs. The same programs give the same files.
#
#   release.sh [BINARIES [OUT]]      (build/release/bin, dist)
#
#   dind-init-VERSION-linux-ARCH.tar.gz     dind-init, dindctl, completions for shells, manual pages, LICENSE, LGPL-2.1
#                                           (of libfuse and glibc)
#   dind-init-VERSION-linux-ARCH.oci.tar    the image dind-init-programs: nothing but the two programs in /usr/local/bin,
#                                           for `COPY --from=dind-init-programs`: docker load, podman load or skopeo
#   dind-init-VERSION-linux-ARCH.cdx.json   CycloneDX: the Debian packages whose code is linked in
#   SHA256SUMS                              of all of them
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(dirname "$here")
binaries=${1:-$project/build/release/bin}
out=${2:-dist}
# Static libraries and headers whose code is in the programs.
linked=(libboost-filesystem1.81-dev libboost-json1.81-dev libboost1.81-dev libbz2-dev libc6-dev libcli11-dev libfmt-dev
  libfuse3-dev liblzma-dev libssl-dev libstdc++-12-dev libzstd-dev zlib1g-dev)

fail() {
  echo "release.sh: $*" >&2
  exit 1
}

for tool in jq strip gzip sha256sum dpkg-query; do command -v "$tool" >/dev/null || fail "needs $tool"; done
for program in dind-init dindctl; do [ -x "$binaries/$program" ] || fail "no $binaries/$program; build the release preset"; done
"$here/check-static.sh" "$binaries/dind-init" "$binaries/dindctl" || fail "the programs are not what a release is made of"

version=$("$binaries/dindctl" --version | awk 'NR == 1 { print $2 }')
arch=$(dpkg --print-architecture) # Debian's names are Go's for what we build on
name=dind-init-$version-linux-$arch
epoch=${SOURCE_DATE_EPOCH:-0}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

# A tar that depends on nothing but what is in it.
make_tar() { tar --sort=name --format=ustar --mtime="@$epoch" --owner=0 --group=0 --numeric-owner -c -C "$@"; }

programs_to() {
  mkdir -p "$1"
  strip -o "$1/dind-init" "$binaries/dind-init"
  strip -o "$1/dindctl" "$binaries/dindctl"
  chmod 755 "$1"/dind*
}

make_tarball() {
  local dindctl=$binaries/dindctl shell verb
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

blob() { # FILE: puts it into the layout, prints its digest
  local digest
  digest=$(sha256sum "$1" | cut -d' ' -f1)
  cp "$1" "$work/layout/blobs/sha256/$digest"
  echo "$digest"
}

size() { stat -c %s "$work/layout/blobs/sha256/$1"; }

# One layer of two files needs no engine. The layer is gzip, which every engine takes. manifest.json beside the OCI
# index lets `docker load` of any version read it.
make_layout() {
  local layer diff_id config manifest created
  created=$(date -u -d "@$epoch" +%FT%TZ)
  mkdir -p "$work/layout/blobs/sha256"
  programs_to "$work/root/usr/local/bin"
  chmod 755 "$work"/root/usr "$work"/root/usr/local "$work"/root/usr/local/bin
  make_tar "$work/root" usr >"$work/layer.tar"
  diff_id=sha256:$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
  gzip -9n "$work/layer.tar"
  layer=$(blob "$work/layer.tar.gz")
  jq -cn --arg arch "$arch" --arg created "$created" --arg diff_id "$diff_id" --arg version "$version" '{architecture: $arch,
    os: "linux", created: $created, config: {Entrypoint: ["/usr/local/bin/dindctl"], Env: ["PATH=/usr/local/bin"],
    Labels: {"org.opencontainers.image.title": "dind-init", "org.opencontainers.image.version": $version,
    "org.opencontainers.image.licenses": "Apache-2.0"}}, rootfs: {type: "layers", diff_ids: [$diff_id]},
    history: [{created: $created, created_by: "scripts/release.sh"}]}' >"$work/config"
  config=$(blob "$work/config")
  jq -cn --arg config "$config" --argjson config_size "$(size "$config")" --arg layer "$layer" --argjson layer_size "$(size "$layer")" '
    {schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: "sha256:\($config)", size: $config_size},
    layers: [{mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: "sha256:\($layer)", size: $layer_size}]}' >"$work/manifest"
  manifest=$(blob "$work/manifest")
  jq -cn --arg manifest "$manifest" --argjson size "$(size "$manifest")" --arg version "$version" '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: ["latest", $version | {mediaType: "application/vnd.oci.image.manifest.v1+json", digest: "sha256:\($manifest)", size: $size,
    annotations: {"org.opencontainers.image.ref.name": "dind-init-programs:\(.)",
      "io.containerd.image.name": "docker.io/library/dind-init-programs:\(.)"}}]}' >"$work/layout/index.json"
  jq -cn --arg config "$config" --arg layer "$layer" --arg version "$version" '[{Config: "blobs/sha256/\($config)",
    RepoTags: ["dind-init-programs:latest", "dind-init-programs:\($version)"], Layers: ["blobs/sha256/\($layer)"]}]' >"$work/layout/manifest.json"
  printf '{"imageLayoutVersion":"1.0.0"}' >"$work/layout/oci-layout"
  find "$work/layout" -type f -exec chmod 644 {} +
  make_tar "$work/layout" blobs index.json manifest.json oci-layout >"$out/$name.oci.tar"
}

# What dpkg says of each package, and the licence file that it came with.
make_sbom() {
  local package
  for package in "${linked[@]}"; do
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

make_tarball
make_layout
make_sbom
(cd "$out" && sha256sum "$name.tar.gz" "$name.oci.tar" "$name.cdx.json" >SHA256SUMS)
(cd "$out" && ls -l "$name".* SHA256SUMS)
