#pragma once

#include <base/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace dind::images {

// Where images are read from, as it is written on a command line. The forms are
// skopeo's (containers-transports(5)), so a path holds no colon and everything
// behind the first one is the reference:
//
//   docker-archive:FILE[:REF]   what `docker save` writes; FILE may be -
//   oci:DIR[:REF]               an OCI image layout
//   oci-archive:FILE[:REF]      the same, in a tar
//   docker-daemon:REF           an image of the engine of DOCKER_HOST
//   -                           a `docker save` stream on standard input
//   PATH                        one of these, told by what it holds
struct SourceSpec {
  enum class Kind { docker_archive, oci_layout, oci_archive, docker_daemon, any };

  Kind kind = Kind::any;
  std::string path;      // "-" is standard input; of docker-daemon, nothing
  std::string reference; // empty: every image there is

  bool is_stdin() const { return path == "-"; }
  // For messages: "oci:DIR".
  std::string name() const;

  bool operator==(const SourceSpec&) const = default;
};

// For messages and help.
inline constexpr std::string_view kSourceForms =
    "docker-archive:FILE[:REF], oci:DIR[:REF], oci-archive:FILE[:REF], docker-daemon:REF, or - for "
    "a "
    "`docker save` stream";

// Pure: the path is not looked up.
Result<SourceSpec> parse_source_spec(std::string_view text);

// A list of sources, one a line; blank lines, a byte order mark, and what follows a # at the start
// of a line or of a word, are nothing. The error names the line.
Result<std::vector<SourceSpec>> parse_source_list(std::string_view text);

} // namespace dind::images
