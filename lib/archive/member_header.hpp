#pragma once

#include <archive/tar_entry.hpp>

#include <string>

namespace dind::archive {

// The headers of a member, as every engine reads them: ustar where that can say it, with a
// PAX extended header in front for long names, names that are not ASCII, large numbers,
// fractions of seconds and extended attributes. The same entry gives the same bytes. Files,
// directories and links; what `sparse` tells is not looked at.
std::string print_member_header(const TarEntry& entry);

// What follows `size` bytes of content up to the next header.
std::string member_padding(std::uint64_t size);

// The end of an archive.
std::string tar_trailer();

} // namespace dind::archive
