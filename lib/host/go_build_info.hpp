#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>

#include <string>

namespace dind::host {

// What Go's linker left in a program about how it was built: lines such as
// "path\tgithub.com/docker/docker/cmd/dockerd". From the section .go.buildinfo of a 64-bit ELF
// file, in the form that it has since Go 1.18 (src/debug/buildinfo). An input error where there is
// none: a script, a program in another language.
Result<std::string> read_go_build_info(const Fd& program);

} // namespace dind::host
