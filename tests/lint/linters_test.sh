#!/bin/sh
# The linters themselves: each must find what it is there to find.
#   linters_test.sh SCRIPTS_DIR
set -eu

scripts=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
failed=0

# expect CODE TEXT COMMAND...: it exits with CODE, and TEXT is among what it says.
expect() {
  code=$1 text=$2
  shift 2
  said=$("$@" 2>&1) && got=0 || got=$?
  if [ "$got" != "$code" ]; then
    echo "FAIL: $* exited with $got, not $code: $said" >&2
    failed=1
  fi
  case $said in
  *"$text"*) ;;
  *) echo "FAIL: $* did not say \"$text\" but: $said" >&2; failed=1 ;;
  esac
}

# layers FILE INCLUDE EXPECTED: what check-layers.sh says to one file with one include.
layers() {
  rm -rf "${root:?}/lib" "$root/cmd"
  mkdir -p "$root/lib" "$root/cmd" "$root/${1%/*}"
  printf '// first line\n%s\n' "$2" >"$root/$1"
  if [ -n "$3" ]; then
    expect 1 "$1:2: $3" "$scripts/check-layers.sh" "$root"
  else
    expect 0 "" "$scripts/check-layers.sh" "$root"
  fi
}

layers lib/init/a.cpp '#include <sys/file.hpp>' ''
layers lib/init/a.cpp '#include <sys/stat.h>' ''
layers lib/init/a.cpp '#include <daemon/a.hpp>' 'init may not include daemon: <daemon/a.hpp>'
layers lib/init/a.hpp ' #  include <boot/a.hpp> // why' 'init may not include boot'
layers lib/sys/a.cpp '#include <init/a.hpp>' 'sys may not include init'
layers lib/init/a.cpp '#include "reaper.hpp"' 'a quoted include'
layers lib/sys/spawn.cpp '#include <boost/process/args.hpp>' ''
layers lib/sys/file.cpp '#include <boost/process/args.hpp>' 'sys may not include <boost/process/args.hpp>'
layers lib/seed/a.cpp '#include <boost/filesystem/path.hpp>' ''
layers lib/seed/a.cpp '#include <boost/filesystem/operations.hpp>' 'seed may not include'
layers lib/cache/a.cpp '#include <zlib.h>' 'cache may not include <zlib.h>'
layers lib/daemon/a.cpp '#include <boost/asio/io_context.hpp>' 'daemon may not include'
layers lib/new/a.cpp '#include <vector>' 'module new is not in the table'
layers cmd/dindctl/a.cpp '#include <init/reaper.hpp>' 'dindctl may not include init'
layers cmd/dindctl/a.cpp '#include "verbs.hpp"' ''

# components EXPECTED: what check-components.sh says to lib as it is.
components() {
  expect "$([ -n "$1" ] && echo 1 || echo 0)" "$1" "$scripts/check-components.sh" "$root"
}

rm -rf "${root:?}/lib"
mkdir -p "$root/lib/init"
printf '#include <init/b.hpp>\n#include <sys/stat.h>\n' >"$root/lib/init/a.hpp"
printf '#include <init/a.hpp>\n' >"$root/lib/init/a.cpp"
printf '#pragma once\n' >"$root/lib/init/b.hpp"
components ''
printf '#include <init/b.hpp>\n#include <init/a.hpp>\n' >"$root/lib/init/b.cpp"
components 'a cycle of includes:'
rm "$root/lib/init/b.cpp"
printf '#include <init/b.hpp>\n' >"$root/lib/init/c.cpp"
components 'lib/init/c.cpp: has no header of its name'

# pages README PAGE EXPECTED: what check-pages.sh says to a front page and one below docs/.
pages() {
  rm -rf "${root:?}/pages"
  mkdir -p "$root/pages/docs"
  printf '%b\n' "$1" >"$root/pages/README.md"
  printf '%b\n' "$2" >"$root/pages/docs/page.md"
  expect "$([ -n "$3" ] && echo 1 || echo 0)" "$3" "$scripts/check-pages.sh" "$root/pages"
}

words() { yes word | head -n "$1" | tr '\n' ' '; }
letters() { yes x | tr -d '\n' | head -c "$1"; }

# shellcheck disable=SC2016  # Markdown's code
pages '[a page](docs/page.md#two-words)' '# Two `words`!\n\n[back](../README.md)' ''
pages '[a page](docs/gone.md)' '' 'README.md:1: docs/gone.md: there is no such file'
pages 'a\n[a\npage](docs/page.md#two)' '# Two words' 'README.md:3: docs/page.md#two: there is no such heading'
pages '[a heading](#two)' '' 'README.md:1: #two: there is no such heading'
# shellcheck disable=SC2016
pages '```sh\n[ -e a ](b)\n```\n\n`[a](b)` [far](https://example.com/a)' '' ''
# shellcheck disable=SC2016
pages '`docs/page.md` `scripts/NAME.sh`\n`scripts/gone.sh`' '' 'README.md:2: scripts/gone.sh: there is no such file'
pages "$(yes '# a' | head -n 121)" '' 'README.md: 121 lines, and 120 are allowed'
pages "$(letters 99) x" '' 'README.md:1: 101 columns, and 100 are allowed'
pages "| $(letters 99) |\n\n- $(letters 101)" '' ''
pages "$(words 15)\n$(words 15)" '' ''
pages "$(words 16)\n$(words 15)" '' 'README.md: its median paragraph has 31 words, and 30 are allowed'
pages "$(words 16)\n- $(words 15)" '' ''

printf 'int main() { return 0; }\n' >"$root/a.c"
cc -o "$root/dynamic" "$root/a.c"
cc -static -o "$root/static" "$root/a.c"
expect 0 'together:' "$scripts/check-static.sh" "$root/static"
expect 1 "$root/dynamic: asks for an interpreter" "$scripts/check-static.sh" "$root/static" "$root/dynamic"
expect 1 "$root/dynamic: needs shared libraries" "$scripts/check-static.sh" "$root/dynamic"
head -c 20000000 /dev/urandom >"$root/blob"
(cd "$root" && ld -r -b binary -o blob.o blob && cc -static -z noexecstack -o large a.c blob.o)
expect 1 'larger than 16 MiB' "$scripts/check-static.sh" "$root/large"

cat >"$root/a.cpp" <<'EOF'
namespace dind { int sum(const char*); int take(char c) { char room[64] = {c}; return sum(room); } }
int dind::sum(const char* of) { return of[0]; }
int main() { return dind::take('a'); }
EOF
# hardened NAME OPTION...: a program as the release preset makes them, with one thing different.
hardened() {
  name=$1
  shift
  (cd "$root" && c++ -O0 -fstack-protector-strong -static-pie -z now -o "$name" a.cpp "$@" 2>/dev/null)
}
hardened good
hardened fixed -fno-pie -no-pie -static
hardened lazy -z lazy
hardened writable -z norelro
hardened executable -z execstack
hardened unguarded -fno-stack-protector
expect 0 'good: 1 functions of ours' "$scripts/check-hardening.sh" "$root/good"
expect 1 'fixed: its addresses are fixed' "$scripts/check-hardening.sh" "$root/fixed"
expect 1 'lazy: its table of functions stays writable' "$scripts/check-hardening.sh" "$root/lazy"
expect 1 'writable: relocated data stays writable' "$scripts/check-hardening.sh" "$root/good" "$root/writable"
expect 1 'executable: its stack is executable' "$scripts/check-hardening.sh" "$root/executable"
expect 1 'unguarded: no function of ours' "$scripts/check-hardening.sh" "$root/unguarded"

# example FILE SED EXPECTED: what validate.py says to the examples with one of them changed.
example() {
  rm -rf "$root/examples"
  cp -r "$scripts/../docker/examples" "$root/examples"
  sed -i "$2" "$root/examples/$1"
  expect 1 "$1$3" "$scripts/../tests/examples/validate.py" "$root/examples"
}

example jenkins/pod.yaml 's/tty:/tyy:/' '.spec.containers[0]: no field tyy here'
example tekton/task.yaml 's/args: .*/env: [{name: DOCKER_TLS_CERTDIR, value: ""}]/' ': dind serves the cluster without TLS'
example kubernetes-job/job.yaml 's/host=unix/host=tcp/' ': dind has a listener that is no --host=unix://'
example gitlab-service/config.toml 's/privileged = true/privileged = false/' ': a runner without privileged = true'
example gitlab-service/config.toml 's/\[\[runners\]\]/[[runners/' ': Expected'
example jenkins/Jenkinsfile "s/defaultContainer 'docker'/defaultContainer 'jnlp'/" ': defaultContainer jnlp is none of docker, dind'
example jenkins/Jenkinsfile "s/yamlFile 'pod.yaml'/yaml 'kind: Pod'/" '.pod: apiVersion is missing'
example github-service/builds.yml 's/driver-opts:/driver-options:/' ': with of docker/setup-buildx-action@v3: no field driver-options here'
example github-service/builds.yml 's/mirrors = \[/mirrors = /' ': Expected newline'
example kind/cluster.yaml 's/config_path = "/config_path = /' ': Invalid value'

# A machine that has never had the packages: dpkg-query fails there, rather than answering.
mkdir "$root/fresh"
printf '#!/bin/sh\nexit 1\n' >"$root/fresh/dpkg-query"
printf '#!/bin/sh\nexit 0\n' >"$root/fresh/apt-get"
printf '#!/bin/sh\necho 0\n' >"$root/fresh/id"
chmod +x "$root/fresh"/*
expect 0 'installing bats' env PATH="$root/fresh:$PATH" "$scripts/packages.sh" e2e
expect 64 'packages.sh' "$scripts/packages.sh" everything

# A setting of create.sh, and the one that is meant.
create() {
  echo "$1 x" >"$root/create.conf"
  expect 64 "create.conf:1: unknown setting $1$2" "$scripts/create.sh" "$root/create.conf"
}

create imagee ': is image meant? See --help'
create imgae ': is image meant? See --help'
create ase ': is base meant? See --help'
create mirror '; see --help'
expect 64 'unknown option --dryrun: is --dry-run meant?' "$scripts/create.sh" --dryrun

exit "$failed"
