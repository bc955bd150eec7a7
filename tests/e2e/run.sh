#!/usr/bin/env bash
# The end-to-end tests, from nothing: installs what they need, starts an engine of their own, makes bases and
# images that are not there yet, and runs every test on every cell.
#
#   run.sh [--full] [--cell CELL]... [FILE.bats]... [-- bats options]
#   run.sh --world [--cell CELL]...     only what needs no programs under test
#
# A cell is the major version of a base's engine (20, 26, 28) or `alpine`; with `-containerd` after it, its images are in
# containerd's store. --full adds the slow tests, cells 26 and 26-containerd, and files on 20 and 28-containerd.
#   DIND_BINARIES     directory of the programs under test (build/release/bin)
#   DIND_TEST_BASE    an image to run on in place of the stand-ins
#   DIND_TEST_CACHE   where what can be reused is kept (/var/cache/dind-init-tests)
#   CI=true, DIND_TEST_STRICT=1   what cannot run fails, in place of a skip with its reason
set -euo pipefail

# shellcheck source=support/load.bash
source "$(dirname "${BASH_SOURCE[0]}")/support/load.bash"

# Once; on every cell; on the newest alone, and, with --full, on every other cell, too; on 28, which the examples are
# for. Those that take longest are first.
once=(bake.bats create.bats pid1.bats programs.bats probe.bats)
each=(matrix.bats volumes.bats use.bats content.bats boot.bats load.bats registry.bats)
containerd=(containerd.bats digests.bats) # of engines that have such a store: from 24 on
in_containerd=(matrix.bats volumes.bats limits.bats use.bats registry.bats) # once more, with that store
drop_in=(stock_parity.bats listeners.bats tls.bats)
newest=("${drop_in[@]}" registry_mirror.bats builds.bats lifecycle.bats settings.bats forms.bats limits.bats stop.bats)
examples=(pods.bats examples.bats)
cells=()
files=()
full=""
world_only=""

while [ $# -gt 0 ]; do
  case "$1" in
    --full) full=1 ;;
    --world) world_only=1 ;;
    --cell) cells+=("$2"); shift ;;
    *.bats)
      files+=("$(basename "$1")")
      [ -e "$e2e/${files[-1]}" ] || { echo "run.sh: there is no $e2e/${files[-1]}" >&2; exit 64; }
      ;;
    --) shift; break ;;
    *) echo "usage: run.sh [--full | --world] [--cell CELL]... [FILE.bats]... [-- bats options]" >&2; exit 64 ;;
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

# The files of one cell, in that order, each as a line `CELL FILE`.
jobs_of() { # CELL FILE…
  local file
  for file in "${@:2}"; do
    if [ ${#files[@]} -eq 0 ] || [[ " ${files[*]} " == *" $file "* ]]; then echo "$1 $file"; fi
  done
}

jobs_of_cell() { # CELL
  local here
  case "$1" in
    # The Alpine layout changes how programs are found and started, not what an engine makes of layers.
    alpine) here=(boot.bats) ;;
    *-containerd) if [ -n "$everything" ]; then here=("${in_containerd[@]}"); else here=(matrix.bats); fi ;;
    20) if [ -n "$everything" ]; then here=("${each[@]}"); else here=(matrix.bats use.bats content.bats load.bats); fi ;;
    26) here=("${each[@]}" "${containerd[@]}") ;;
    28) here=("${each[@]}" "${containerd[@]}" "${newest[@]}" "${examples[@]}") ;;
    custom) here=("${each[@]}" "${containerd[@]}" "${newest[@]}") ;;
    *) here=("${each[@]}") ;;
  esac
  if [ -n "$everything" ] && ! is_of_containerd "$1" && [[ " ${here[*]} " != *" tls.bats "* ]]; then
    here+=("${drop_in[@]}" registry_mirror.bats limits.bats)
  fi
  jobs_of "$1" "${here[@]}"
}

# The cell with the most tests first, so that no long job is the last to begin.
all_jobs() {
  local cell
  if [[ " ${cells[*]} " == *" 28 "* ]]; then jobs_of_cell 28; fi
  for cell in "${cells[@]}"; do [ "$cell" = 28 ] || jobs_of_cell "$cell"; done
  jobs_of "${cells[0]}" "${once[@]}"
}

run_job() { # CELL FILE bats options
  local cell=$1 file=$2 name="$1 ${2%.bats}" mark=""
  shift 2
  if [ ${#jobs[@]} -gt 1 ]; then mark="$name  "; fi
  # shellcheck disable=SC1090  # what prepare found
  source "$seen/$cell.prepared"
  if DIND_TEST_CELL=$cell DIND_TEST_PREPARED=1 bats --print-output-on-failure --timing "$@" "$e2e/$file" 2>&1 |
    sed -u "s/^/$mark/" | tee "$seen/$name.log"; then
    : >"$seen/$name.passed"
  fi
}

# One more than there are processors: a test waits for engines as long as it computes.
run_jobs() { # bats options
  local job room=$(($(nproc) + 1))
  for job in "${jobs[@]}"; do
    if ((room > 0)); then room=$((room - 1)); else wait -n || true; fi
    # shellcheck disable=SC2086  # the cell, and the file
    run_job $job "$@" &
  done
  wait
}

# A base takes a minute, most of it one thread's. The image set is built on two.
make_bases() {
  local cell bases=(bookworm sid debian)
  for cell in "${cells[@]}"; do if [ "${cell%-containerd}" = 26 ]; then bases+=(trixie); fi; done
  at_once "$project/scripts/stand-in.sh" "${bases[@]}" >/dev/null
}

# Cell alpine has the engine of 28, and its loads.
make_oracles() {
  local cell engines=()
  for cell in "${cells[@]}"; do if [ "$cell" != alpine ] || [ "${cells[*]}" = alpine ]; then engines+=("$cell"); fi; done
  at_once make_oracle "${engines[@]}"
}

# The cells of one base, which share its images, one after the other.
prepare_base() { # CELL
  local cell
  for cell in "${cells[@]}"; do
    [ "${cell%-containerd}" = "$1" ] || continue
    prepare "$cell"
    declare -p "${prepared[@]}" >"$seen/$cell.prepared"
  done
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
  cells=(20 28 28-containerd alpine)
  if [ -n "$full" ]; then cells+=(26 26-containerd); fi
  if [ -n "${DIND_TEST_BASE-}" ]; then cells=(custom); fi
fi
if [ -n "$full" ]; then export DIND_TEST_FULL=1; fi
# What is asked for by name runs, too.
everything=$full${files[*]}
if [ -n "$everything" ]; then
  once+=(sharing.bats full.bats)
  each+=(image.bats)
fi

make_bases
make_shared
make_oracles
if [ -n "$world_only" ]; then exit; fi

seen=$(mktemp -d)
trap 'rm -r "$seen"; stop_engine' EXIT
make_programs_image
mapfile -t bases < <(printf '%s\n' "${cells[@]%-containerd}" | sort -u)
at_once prepare_base "${bases[@]}"
mapfile -t jobs < <(all_jobs)
for file in "${files[@]}"; do
  [[ " ${jobs[*]} " == *" $file "* ]] || { echo "run.sh: $file has nothing to say about cell ${cells[*]}" >&2; exit 64; }
done
run_jobs "$@"
echo "# end-to-end tests took $((SECONDS / 60)) min $((SECONDS % 60)) s"
failed=()
for job in "${jobs[@]}"; do [ -e "$seen/${job%.bats}.passed" ] || failed+=("${job%.bats}"); done
if [ ${#failed[@]} -gt 0 ]; then
  printf 'e2e: failures in %s\n' "${failed[@]}" >&2
  # The lines that explain a failure follow it, each with a hash.
  for job in "${failed[@]}"; do
    awk '/^([a-z0-9-]+ [a-z0-9_]+  )?not ok /{told = 1} /^([a-z0-9-]+ [a-z0-9_]+  )?ok /{told = 0} told' "$seen/$job.log" >&2
  done
  exit 1
fi
