#pragma once

#include <archive/byte_sink.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>
#include <outer/layered_paths.hpp>

#include <boost/filesystem/path.hpp>

#include <string>
#include <vector>

namespace dind::outer {

// Where the two programs may be in an image, and the name of the stock entrypoint there.
std::vector<std::string> program_paths();

// What a base lacks of us.
struct Lacking {
  bool programs = false;
  bool link = false; // from the stock entrypoint's name
  std::string init;  // where dind-init is or is going to be, "usr/bin/dind-init"

  bool anything() const { return programs || link; }
};
Lacking look_for_programs(const LayeredPaths& base);

// Whether the bytes are a program that runs on `platform` with no library of its image.
Result<void> check_program(std::string_view elf, std::string_view platform);

// Writes the layer that adds what is lacking: the programs of `dir`, and a link from the stock
// entrypoint's name to dind-init, for wrappers and manifests that use it. The directories above
// look as in the base.
Result<void> write_programs_layer(const boost::filesystem::path& dir, std::string_view platform,
                                  const LayeredPaths& base, const Lacking& lacking,
                                  archive::ByteSink& tar);

} // namespace dind::outer
