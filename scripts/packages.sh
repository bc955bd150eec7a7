#!/usr/bin/env bash
# Installs the Debian packages that building needs or, with a further word, that checking needs too.
#   scripts/packages.sh [build|checks]
set -euo pipefail

packages=(
  g++ cmake ninja-build ccache binutils file ca-certificates
  libboost1.81-dev libboost-filesystem1.81-dev libboost-json1.81-dev libfmt-dev libssl-dev zlib1g-dev
  libzstd-dev libcli11-dev libgtest-dev libbenchmark-dev
)
if [ "${1:-build}" = checks ]; then
  packages+=(
    clang-format-14 clang-tidy-14 shellcheck codespell # style
    libarchive-tools attr zstd xz-utils acl       # archives that other programs write
    util-linux procps iproute2 busybox-static     # namespaces and processes
    libcap2-bin xfsprogs btrfs-progs e2fsprogs fuse-overlayfs # filesystems
  )
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
  echo "packages.sh: not root; please install: ${missing[*]}" >&2
  exit 1
fi
echo "installing ${missing[*]}"
apt-get -qq -o DPkg::Lock::Timeout=300 update
DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}" >/dev/null
