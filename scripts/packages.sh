#!/usr/bin/env bash
# Installs the Debian packages that a purpose needs, and that are not there yet:
#   scripts/packages.sh [build|arm64|checks|fuzz|coverage|images|e2e|valgrind]...     (build)
set -euo pipefail

# What Debian 12 has by default is too old: of its versions of Boost, and of qemu-user, which lacks openat2(2).
boost=1.83 emulator=qemu-user-static
if grep -qx VERSION_CODENAME=bookworm /etc/os-release; then
  boost=1.81 emulator=qemu-user-static/bookworm-backports
fi
libraries=(
  "libboost$boost-dev" "libboost-filesystem$boost-dev" "libboost-json$boost-dev" libfmt-dev libssl-dev zlib1g-dev
  libzstd-dev liblzma-dev libbz2-dev libfuse3-dev libgtest-dev libgmock-dev
)
build=(g++ cmake ninja-build ccache binutils file ca-certificates libcli11-dev libbenchmark-dev "${libraries[@]}")
arm64=(g++-aarch64-linux-gnu "$emulator" "${libraries[@]/%/:arm64}") # a cross build on amd64
checks=(
  clang-format-14 clang-tidy-14 shellcheck codespell # style
  libarchive-tools attr zstd xz-utils acl            # archives that other programs write
  util-linux procps iproute2 busybox-static          # namespaces and processes
  openssl                                            # looks at certificates
  libcap2-bin xfsprogs btrfs-progs e2fsprogs fuse-overlayfs
  strace rsync                                       # kills at system calls; rivals of the benchmark
  python3-yaml                                       # manifests of the examples
  fish groff-base zsh                                # read completions and manual pages
  golang-go golang-github-coreos-bbolt-dev           # bbolt itself, beside lib/bolt
)
fuzz=(clang-14 libclang-rt-14-dev bzip2 xz-utils zstd)
coverage=(clang-14 libclang-rt-14-dev llvm-14)
images=(debootstrap busybox-static jq iproute2) # stand-ins and an engine to run them
e2e=(
  bats debootstrap busybox-static docker-registry g++ jq libcap2-bin libssl-dev openssl python3 skopeo iproute2 file
  xfsprogs btrfs-progs e2fsprogs fuse-overlayfs docker-compose podman catatonit apache2-utils
)

wanted=()
for purpose in "${@:-build}"; do
  case "$purpose" in
    build) wanted+=("${build[@]}") ;;
    arm64) wanted+=("${arm64[@]}") ;;
    checks) wanted+=("${checks[@]}") ;;
    fuzz) wanted+=("${fuzz[@]}") ;;
    coverage) wanted+=("${coverage[@]}") ;;
    images) wanted+=("${images[@]}") ;;
    e2e) wanted+=("${e2e[@]}") ;;
    valgrind) wanted+=(valgrind) ;;
    *)
      sed -n '2,3s/^# \{0,1\}//p' "$0" >&2
      exit 64
      ;;
  esac
done

missing=()
for package in "${wanted[@]}"; do
  # A package that was never there is a failure of dpkg-query, not an empty answer.
  status=$(dpkg-query -W -f '${db:Status-Abbrev}${Version}' "${package%/*}" 2>/dev/null || true)
  [[ $status == ii* && ($package != */* || $status == *~bpo*) ]] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
  echo "packages.sh: not root; please install: ${missing[*]}" >&2
  exit 1
fi
echo "installing ${missing[*]}"
if [[ " ${missing[*]}" == *:arm64* ]]; then dpkg --add-architecture arm64; fi
if [[ " ${missing[*]}" == */bookworm-backports* ]]; then
  echo "deb http://deb.debian.org/debian bookworm-backports main" >/etc/apt/sources.list.d/bookworm-backports.list
fi
apt-get -qq -o DPkg::Lock::Timeout=300 update
DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}" >/dev/null
