#!/usr/bin/env bash
# The end-to-end tests, from nothing: installs what they need, starts an engine of their own, makes bases and
# images that are not there yet, and runs every test on every cell.
#
#   run.sh [--full] [--cell CELL]... [FILE.bats]... [-- bats options]
#
# A cell is the major version of a base's engine (20, 26, 28) or `alpine`. --full adds the slow tests, and on 26 what is
# neither the matrix nor the containerd store.
#   DIND_BINARIES     directory of the programs under test (build/release/bin)
#   DIND_TEST_BASE    an image to run on in place of the stand-ins
#   DIND_TEST_CACHE   where what can be reused is kept (/var/cache/dind-init-tests)
#   CI=true, DIND_TEST_STRICT=1   what cannot run fails, in place of a skip with its reason
set -euo pipefail

# shellcheck source=support/load.bash
source "$(dirname "${BASH_SOURCE[0]}")/support/load.bash"

# Once; on every cell; on the newest alone, and, with --full, on every other cell, too; on the newest, beside those.
once=(programs.bats pid1.bats bake.bats probe.bats create.bats)
each=(content.bats load.bats use.bats registry.bats boot.bats matrix.bats volumes.bats)
containerd=(containerd.bats) # of engines that have such a store: from 24 on
drop_in=(listeners.bats tls.bats stock_parity.bats)
newest=("${drop_in[@]}" limits.bats stop.bats settings.bats forms.bats lifecycle.bats)
beside=(examples.bats pods.bats)
cells=()
files=()
full=""

while [ $# -gt 0 ]; do
  case "$1" in
    --full) full=1 ;;
    --cell) cells+=("$2"); shift ;;
    *.bats)
      files+=("$(basename "$1")")
      [ -e "$e2e/${files[-1]}" ] || { echo "run.sh: there is no $e2e/${files[-1]}" >&2; exit 64; }
      ;;
    --) shift; break ;;
    *) echo "usage: run.sh [--full] [--cell CELL]... [FILE.bats]... [-- bats options]" >&2; exit 64 ;;
  esac
  shift
done

cannot() {
  if [ "${CI-}" = true ] || [ -n "${DIND_TEST_STRICT-}" ]; then
    echo "e2e: needs $1" >&2
    exit 1
  fi
  echo "e2e: skipped, needs $1"
  exit 0
}

wanted() {
  local file
  for file in "$@"; do
    if [ ${#files[@]} -eq 0 ] || [[ " ${files[*]} " == *" $file "* ]]; then echo "$e2e/$file"; fi
  done
}

run_files() { # CELL FILE… -- bats options
  local cell=$1 chosen=() mark=""
  shift
  while [ "$1" != -- ]; do chosen+=("$1"); shift; done
  shift
  if [ ${#chosen[@]} -eq 0 ]; then return; fi
  printf '%s\n' "${chosen[@]##*/}" >>"$seen/ran"
  echo "# cell $cell"
  if [ ${#cells[@]} -gt 1 ]; then mark="$cell  "; fi
  DIND_TEST_CELL=$cell DIND_TEST_ENGINE_STAYS=1 bats --print-output-on-failure --timing "$@" "${chosen[@]}" 2>&1 |
    sed -u "s/^/$mark/" | tee -a "$seen/log" || echo "$cell" >>"$seen/failed"
}

run_cell() { # CELL bats options
  local here chosen
  case "$1" in
    # The Alpine layout changes how programs are found and started, not what an engine makes of layers.
    alpine) here=(boot.bats) ;;
    26) if [ -n "$everything" ]; then here=("${each[@]}"); else here=(matrix.bats); fi; here+=("${containerd[@]}") ;;
    28 | custom) here=("${each[@]}" "${containerd[@]}" "${newest[@]}") ;;
    *) here=("${each[@]}") ;;
  esac
  if [ -n "$everything" ] && [[ " ${here[*]} " != *" tls.bats "* ]]; then here+=("${drop_in[@]}" limits.bats); fi
  mapfile -t chosen < <(wanted "${here[@]}")
  run_files "$1" "${chosen[@]}" -- "${@:2}"
}

run_all_but_newest() { # bats options
  local chosen cell
  mapfile -t chosen < <(wanted "${once[@]}")
  run_files "${cells[0]}" "${chosen[@]}" -- "$@"
  for cell in "${cells[@]}"; do [ "$cell" = 28 ] || run_cell "$cell" "$@"; done
  if [[ " ${cells[*]} " == *" 28 "* ]]; then
    mapfile -t chosen < <(wanted "${beside[@]}")
    run_files 28 "${chosen[@]}" -- "$@"
  fi
}

# A base takes a minute, most of it one thread's. The image set is built on two.
make_bases() {
  local cell pid making=()
  for cell in $(printf '%s\n' 20 28 "${cells[@]}" | sort -u); do
    if [ "$cell" != alpine ]; then
      base_of "$cell" >/dev/null &
      making+=($!)
    fi
  done
  "$project/scripts/stand-in.sh" debian >/dev/null &
  making+=($!)
  for pid in "${making[@]}"; do wait "$pid"; done
}

[ "$(id -u)" -eq 0 ] || cannot "root"
command -v apt-get >/dev/null || cannot "a Debian host"
"$project/scripts/packages.sh" e2e
"$project/scripts/engine.sh" install
mkdir -p "$world"
# One world serves one run at a time.
exec 9>"$world/lock"
flock 9
trap stop_engine EXIT
start_engine
remove_leftovers

if [ ${#cells[@]} -eq 0 ]; then
  if [ -n "${DIND_TEST_BASE-}" ]; then cells=(custom); else cells=(20 28 alpine 26); fi
fi
if [ -n "$full" ]; then export DIND_TEST_FULL=1; fi
# What is asked for by name runs, too.
everything=$full${files[*]}
if [ -n "$everything" ]; then
  once+=(sharing.bats full.bats)
  each+=(image.bats)
fi

make_bases
for cell in "${cells[@]}"; do prepare "$cell"; done
# The cell with the most tests runs beside all others.
seen=$(mktemp -d)
trap 'rm -r "$seen"; stop_engine' EXIT
touch "$seen/failed" "$seen/ran"
if [[ " ${cells[*]} " == *" 28 "* ]]; then run_cell 28 "$@" & fi
run_all_but_newest "$@"
wait
for file in "${files[@]}"; do
  grep -qxF "$file" "$seen/ran" || { echo "run.sh: $file has nothing to say about cell ${cells[*]}" >&2; exit 64; }
done
echo "# end-to-end tests took $((SECONDS / 60)) min $((SECONDS % 60)) s"
if [ -s "$seen/failed" ]; then
  echo "e2e: failures in cell $(sort -u "$seen/failed" | paste -sd " ")" >&2
  # The lines that explain a failure follow it, each with a hash.
  awk '/^([a-z0-9]+  )?not ok /{told = 1} /^([a-z0-9]+  )?ok /{told = 0} told' "$seen/log" >&2
  exit 1
fi
