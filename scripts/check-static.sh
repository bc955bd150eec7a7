#!/bin/sh
# Proves that each program is fully static (no interpreter, nothing dynamic) and
# that all of them together stay small.
#   scripts/check-static.sh BINARY...
set -eu

limit_mib=16
[ $# -gt 0 ] || { echo "usage: check-static.sh BINARY..." >&2; exit 64; }
scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT
failed=0
sum=0

complain() {
  echo "$1" >&2
  failed=1
}

for binary; do
  kind=$(file -bL "$binary")
  case $kind in
  *"statically linked"* | *"static-pie linked"*) ;;
  *) complain "$binary: not statically linked: $kind" ;;
  esac
  headers=$(readelf -Wl "$binary")
  case $headers in *INTERP*) complain "$binary: asks for an interpreter" ;; esac
  if readelf -Wd "$binary" | grep -q NEEDED; then
    complain "$binary: needs shared libraries"
  fi
  case $kind in
  *"static-pie linked"*) ;; # relocates itself by a dynamic section, which names no library
  *) case $headers in *DYNAMIC*) complain "$binary: has a dynamic section" ;; esac ;;
  esac
  case $kind in *aarch64*) tool=aarch64-linux-gnu-strip ;; *) tool="strip" ;; esac
  "$tool" -o "$scratch" "$binary"
  size=$(stat -c %s "$scratch")
  sum=$((sum + size))
  printf '%s: %d KiB stripped\n' "$binary" $((size / 1024))
done

printf 'together: %d KiB of at most %d MiB\n' $((sum / 1024)) "$limit_mib"
[ "$sum" -le $((limit_mib * 1024 * 1024)) ] || complain "the programs are larger than $limit_mib MiB"
exit "$failed"
