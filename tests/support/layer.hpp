#pragma once

#include <archive/byte_source.hpp>
#include <archive/marks.hpp>
#include <archive/member_maker.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dind::test {

// Keeps a list of what it is told.
class RecordingMarks final : public archive::Marks {
public:
  Result<void> whiteout(const std::string& path) override;
  Result<void> override_whiteout(const std::string& path) override;
  Result<void> opaque(const std::string& path) override;
  Result<void> node(const std::string& path, const archive::TarEntry& entry) override;
  Result<void> link_node(const std::string& path, const std::string& target,
                         const archive::TarEntry& entry) override;
  Result<void> implied(const std::string& path) override;

  std::vector<std::string> whiteouts;
  std::vector<std::string> overridden;
  std::vector<std::string> opaque_dirs;
  std::vector<std::pair<std::string, archive::TarEntry>> nodes;
  std::vector<std::pair<std::string, std::string>> node_links; // path, target
  std::vector<std::string> implied_dirs;
};

Result<void> set_any_xattr(sys::At at, const std::string& path, const archive::Xattr& xattr);

// Unpacks a tar into an empty directory and returns its tar-split.
Result<std::string> unpack(std::string_view tar, const Fd& root, archive::Marks& marks,
                           const archive::SetXattr& set_xattr = set_any_xattr);

// The tar again, from what `unpack` left.
Result<std::string> make_again(std::string_view tar_split, const Fd& root);

// All members of a tar.
Result<std::vector<archive::TarEntry>> members_of(std::string_view tar);

// The whole of a source.
Result<std::string> read_whole(archive::ByteSource& source);

} // namespace dind::test
