#!/bin/sh
# Proves that what goes wrong in a program is hard to use: it is position-independent (its addresses are random), what the
# start has relocated is read-only, no stack is executable, no memory is both written and executed, and functions of ours
# with arrays have stack canaries.
#   scripts/check-hardening.sh BINARY...
set -eu

[ $# -gt 0 ] || { echo "usage: check-hardening.sh BINARY..." >&2; exit 64; }
failed=0

complain() {
  echo "$1" >&2
  failed=1
}

# Functions of namespace dind that check a canary. (Those of a stripped program have no names.)
guarded_functions() {
  objdump -d --no-show-raw-insn "$1" |
    awk '/^[0-9a-f]+ <.*>:$/ {name = $2} /<__stack_chk_fail/ && name ~ /4dind/ {found[name] = 1} END {print length(found)}'
}

for binary; do
  case $(readelf -h "$binary") in
  *"DYN (Position-Independent Executable file)"*) ;;
  *) complain "$binary: its addresses are fixed, for it is not position-independent" ;;
  esac
  segments=$(readelf -Wl "$binary")
  case $segments in *GNU_RELRO*) ;; *) complain "$binary: relocated data stays writable" ;; esac
  echo "$segments" | grep -Eq 'GNU_STACK .* RW  ' || complain "$binary: its stack is executable"
  if echo "$segments" | grep -Eq 'LOAD .* RWE '; then complain "$binary: has memory that is written and executed"; fi
  readelf -Wd "$binary" | grep -Eq 'FLAGS.*NOW' || complain "$binary: its table of functions stays writable"
  guarded=$(guarded_functions "$binary")
  [ "$guarded" -gt 0 ] || complain "$binary: no function of ours has a stack canary"
  printf '%s: %d functions of ours have a stack canary\n' "$binary" "$guarded"
done
exit "$failed"
