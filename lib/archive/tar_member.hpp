#pragma once

#include <archive/pax.hpp>
#include <archive/tar_entry.hpp>
#include <archive/tar_header.hpp>
#include <base/result.hpp>

#include <string>
#include <string_view>

namespace dind::archive {

// The extension headers in front of a member.
struct Extensions {
  PaxRecords pax;
  std::string long_name; // GNU 'L'
  std::string long_link; // GNU 'K'
};

// Overrides the fields of `header` with them; GNU's win over PAX.
Result<void> apply(const Extensions& extensions, TarHeader& header);

// The member that a header describes, but for what makes it sparse. `pax` gives what a
// header has no field for: fractions of seconds and extended attributes.
Result<TarEntry> make_entry(const TarHeader& header, const PaxRecords& pax);

// Whether the last component of `name` begins with ".wh.".
bool is_whiteout(std::string_view name);

} // namespace dind::archive
