#!/bin/sh
# Checks the components of lib, each x.hpp with its x.cpp: every .cpp has a header of
# its name, and none includes itself by way of others. Prints what is wrong, and fails
# if there is anything.
#   scripts/check-components.sh [ROOT]
set -eu

cd "${1:-$(dirname "$0")/..}/lib"

# Explicit instantiations of a library, which has the header.
headless='./base/static_fmt.cpp'

failed=0
for source in $(find . -name '*.cpp' | LC_ALL=C sort); do
  if [ ! -e "${source%.cpp}.hpp" ] && [ "$source" != "$headless" ]; then
    echo "lib/${source#./}: has no header of its name"
    failed=1
  fi
done

# One line for each include of one component in another.
edges() {
  grep -rE --include='*.[ch]pp' '^[[:space:]]*#[[:space:]]*include[[:space:]]*<.*\.hpp>' . |
    sed -E 's|^\./(.*)\.[ch]pp:[^<]*<(.*)\.hpp>.*|\1 \2|' | sort -u | awk '$1 != $2'
}
if ! loops=$(edges | LC_ALL=C tsort 2>&1 >/dev/null); then
  echo "$loops" | sed 's/^tsort: -: input contains a loop:$/a cycle of includes:/; s/^tsort: /  /'
  failed=1
fi
exit "$failed"
