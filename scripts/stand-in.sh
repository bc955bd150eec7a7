#!/usr/bin/env bash
# Makes, from Debian packages, images that stand in for ones that cannot be pulled, in the engine that
# DOCKER_HOST names, and prints the name of the one asked for. What exists already is reused.
#
#   stand-in.sh bookworm | trixie | sid   docker:<n>-dind with that suite's engine: 20.10, 26.1, 28.5
#   stand-in.sh alpine                    sid's engine laid out as the stock image has it: a busybox userland,
#                                         /var/run a link, everything of docker in /usr/local/bin
#   stand-in.sh debian                    debian:bookworm, which docker/Dockerfile builds in
#
# They keep the stock image's contract (volume, ports, environment, the docker group, the names of the
# scripts in /usr/local/bin), so that what works on them works on the real one.
set -euo pipefail

docker=/usr/bin/docker
mirror=${DIND_TEST_MIRROR:-http://deb.debian.org/debian}
label=dind-init.stand-in
self=$(sha256sum "${BASH_SOURCE[0]}" | cut -c1-12)
work=""
trap 'if [ -n "$work" ]; then rm -rf --one-file-system "$work"; fi' EXIT

fail() {
  echo "stand-in.sh: $*" >&2
  exit 1
}

# A stand-in is made again when this script changes.
is_current() {
  [ "$("$docker" image inspect -f "{{index .Config.Labels \"$label\"}}" "$1" 2>/dev/null)" = "$self" ]
}

# Directories that stay, but empty: what is in them changes with every download.
empty=(var/cache/apt/archives var/lib/apt/lists dev proc sys run tmp)

bootstrap() {
  command -v /usr/sbin/debootstrap >/dev/null || fail "needs debootstrap (apt-get install debootstrap)"
  work=$(mktemp -d "${TMPDIR:-/var/tmp}/stand-in.XXXXXX")
  mkdir -p "$work/root"
  /usr/sbin/debootstrap --variant=minbase --include="$2" "$1" "$work/root" "$mirror" >"$work/log" 2>&1 ||
    { tail -n 3 "$work/log" >&2; fail "debootstrap $1 failed"; }
}

# The root as a tar stream.
pack() {
  local directory
  for directory in "${empty[@]}"; do
    find "$work/root/$directory" -xdev -mindepth 1 -delete
  done
  tar -C "$work/root" --numeric-owner --one-file-system -c .
}

contract=(-c "LABEL $label=$self" -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  -c 'ENV DOCKER_TLS_CERTDIR=/certs' -c 'VOLUME /var/lib/docker' -c 'EXPOSE 2375 2376'
  -c 'ENTRYPOINT ["dockerd-entrypoint.sh"]' -c 'CMD []')

# The stock image's scripts, as far as a stand-in needs them; "$1" is its root. /bin/sh is busybox on one of them.
write_scripts() {
  local bin=$1/usr/local/bin
  mkdir -p "$bin" "$1/certs/client"
  chmod 1777 "$1/certs" "$1/certs/client"
  cat >"$bin/dockerd-entrypoint.sh" <<'SCRIPT'
#!/bin/sh
# Stands in for the stock image's script: defaults, a flag, dockerd, or any command.
set -eu
if [ "$#" -eq 0 ] || [ "${1#-}" != "$1" ]; then
  set -- dockerd --host=unix:///var/run/docker.sock "$@"
fi
[ "$1" = dockerd ] || exec docker-entrypoint.sh "$@"
exec dind "$@"
SCRIPT
  cat >"$bin/docker-entrypoint.sh" <<'SCRIPT'
#!/bin/sh
set -eu
if [ "${1#-}" != "$1" ]; then set -- docker "$@"; fi
exec "$@"
SCRIPT
  cat >"$bin/dind" <<'SCRIPT'
#!/bin/sh
# With cgroup v2 a group that has processes cannot hand controllers down, so ours move to a leaf first.
set -eu
export container=docker
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir -p /sys/fs/cgroup/init
  until {
    xargs -rn1 </sys/fs/cgroup/cgroup.procs >/sys/fs/cgroup/init/cgroup.procs 2>/dev/null || :
    sed -e 's/ / +/g' -e 's/^/+/' </sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control
  }; do :; done
fi
mount --make-rshared / || :
exec "$@"
SCRIPT
  chmod 755 "$bin"/dockerd-entrypoint.sh "$bin"/docker-entrypoint.sh "$bin"/dind
}

# Names the image for the engine that is in it; the suites move on.
tag_by_version() {
  local version
  version=$("$docker" run --rm --network none --entrypoint dockerd "$1" --version |
    sed -nE 's/^Docker version ([0-9]+\.[0-9]+\.[0-9]+).*/\1/p')
  [ -n "$version" ] || fail "no engine in $1"
  "$docker" tag "$1" "docker:${version%%.*}$2-dind"
  "$docker" tag "$1" "docker:$version$2-dind"
}

make_suite() {
  local packages=docker.io,containerd,runc,iptables,iproute2,procps,openssl,ca-certificates
  if [ "$1" != bookworm ]; then packages+=,docker-cli,docker-buildx; fi
  bootstrap "$1" "$packages"
  empty+=(usr/share/doc usr/share/man usr/share/locale)
  chroot "$work/root" groupmod -g 2375 docker
  write_scripts "$work/root"
  pack | "$docker" import "${contract[@]}" - "dind-stand-in:$1" >/dev/null
  tag_by_version "dind-stand-in:$1" ""
}

# Copies programs out of a root with the libraries and plug-ins that they load, and links busybox for the rest.
# Runs inside the sid stand-in.
collect() {
  cat <<'SCRIPT'
set -eu
out=/out
mkdir -p $out/usr/local/bin $out/usr/local/libexec/docker/cli-plugins $out/bin $out/etc $out/run $out/var/lib $out/root $out/tmp
chmod 1777 $out/tmp
ln -s /run $out/var/run
with_libraries() {
  ldd "$1" 2>/dev/null | grep -oE '/[^ ]+\.so[^ ]*' | while read -r library; do
    mkdir -p "$out$(dirname "$library")"
    [ -e "$out$library" ] || cp -L "$library" "$out$library"
  done
}
for name in dockerd docker docker-init docker-proxy containerd containerd-shim-runc-v2 ctr runc tini-static; do
  path=$(command -v $name) || continue
  cp -L "$path" $out/usr/local/bin/$name
  with_libraries "$path"
done
cp -L /usr/libexec/docker/cli-plugins/docker-buildx $out/usr/local/libexec/docker/cli-plugins/
for name in xtables-nft-multi xtables-legacy-multi; do
  cp -L /usr/sbin/$name $out/usr/local/bin/
  with_libraries /usr/sbin/$name
done
for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
  ln -s xtables-nft-multi $out/usr/local/bin/$name
done
libraries=usr/lib/$(uname -m)-linux-gnu
mkdir -p $out/$libraries
cp -r /$libraries/xtables $out/$libraries/
for name in $out/$libraries/xtables/*.so; do with_libraries "$name"; done
mkdir -p $out/lib64
[ -e $out/lib64/ld-linux-x86-64.so.2 ] || cp -L /lib64/ld-linux-x86-64.so.2 $out/lib64/ 2>/dev/null || :
cp /busybox $out/bin/busybox
for applet in $(/busybox --list); do
  case $applet in busybox | docker* | ip6tables | iptables) ;; *) ln -s busybox $out/bin/$applet ;; esac
done
printf 'root:x:0:0:root:/root:/bin/sh\n' >$out/etc/passwd
printf 'root:x:0:\ndocker:x:2375:\n' >$out/etc/group
cp -r /etc/ssl $out/etc/ssl
cp /usr/local/bin/dockerd-entrypoint.sh /usr/local/bin/docker-entrypoint.sh /usr/local/bin/dind $out/usr/local/bin/
mkdir -p $out/certs/client
chmod 1777 $out/certs $out/certs/client
mkdir -p $out/dev $out/proc $out/sys
tar -C $out --numeric-owner -cf - .
SCRIPT
}

make_alpine() {
  local busybox
  busybox=$(command -v busybox) || fail "needs busybox-static (apt-get install busybox-static)"
  "${BASH_SOURCE[0]}" sid >/dev/null
  "$docker" run --rm --network none -v "$busybox:/busybox:ro" --entrypoint sh dind-stand-in:sid -c "$(collect)" |
    "$docker" import "${contract[@]}" - dind-stand-in:alpine >/dev/null
  tag_by_version dind-stand-in:alpine -alpine
}

make_debian() {
  bootstrap bookworm ca-certificates
  printf 'deb %s bookworm main\n' "$mirror" >"$work/root/etc/apt/sources.list"
  pack | "$docker" import -c "LABEL $label=$self" -c 'CMD ["bash"]' - dind-stand-in:debian >/dev/null
  "$docker" tag dind-stand-in:debian debian:bookworm
}

name_of() {
  "$docker" image inspect -f '{{range .RepoTags}}{{println .}}{{end}}' "dind-stand-in:$1" |
    grep -E '^(docker:[0-9]+(-alpine)?-dind|debian:bookworm)$' | head -n 1
}

[ $# -eq 1 ] || fail "usage: stand-in.sh bookworm | trixie | sid | alpine | debian"
case "$1" in
  bookworm | trixie | sid) make=(make_suite "$1") ;;
  alpine | debian) make=("make_$1") ;;
  *) fail "unknown stand-in: $1" ;;
esac
is_current "dind-stand-in:$1" || "${make[@]}"
name_of "$1"
