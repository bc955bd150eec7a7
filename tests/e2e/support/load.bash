# shellcheck shell=bash
# shellcheck source=world.bash
source "$(dirname "${BASH_SOURCE[0]}")/world.bash"
# shellcheck source=dind.bash
source "$e2e/support/dind.bash"
# shellcheck source=images.bash
source "$e2e/support/images.bash"
# shellcheck source=filesystems.bash
source "$e2e/support/filesystems.bash"
# shellcheck source=nested.bash
source "$e2e/support/nested.bash"

# What every cell stands on, and that needs no programs under test.
make_shared() {
  make_treelist
  make_images
  make_matrix_archives
}

# Everything that the tests of a cell need. The images are the same in either store.
prepare() { # CELL
  start_engine
  make_shared
  make_programs_image
  make_plain "${1%-containerd}"
  make_baked "${1%-containerd}"
  make_few "${1%-containerd}"
  make_oracle "$1"
  # shellcheck disable=SC2163  # the variables that it names
  export "${prepared[@]}"
}
prepared=(treelist images programs_image programs_key plain baked few few_key oracle)
