#pragma once

#include <archive/unpacker.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dind::test {

// Keeps a list of what it is told, and makes nothing but extended attributes.
class RecordingMarks final : public archive::Marks {
public:
  Result<void> whiteout(sys::At at, const std::string& path,
                        const archive::TarEntry& entry) override;
  Result<void> override_whiteout(sys::At at, const std::string& path) override;
  Result<void> opaque(const Fd& dir, const std::string& path) override;
  Result<void> node(sys::At at, const std::string& path, const archive::TarEntry& entry) override;
  Result<void> link_node(sys::At at, const std::string& path, const std::string& target,
                         const archive::TarEntry& entry) override;
  Result<void> implied(const std::string& path) override;
  Result<void> xattr(sys::At at, const std::string& path, const archive::Xattr& xattr) override;

  std::vector<std::string> whiteouts;
  std::vector<std::string> overridden;
  std::vector<std::string> opaque_dirs;
  std::vector<std::pair<std::string, archive::TarEntry>> nodes;
  std::vector<std::pair<std::string, std::string>> node_links; // path, target
  std::vector<std::string> implied_dirs;
};

// Unpacks a tar into an empty directory and returns its tar-split.
Result<std::string> unpack(std::string_view tar, const Fd& root, archive::Marks& marks);

// The tar again, from what `unpack` left.
Result<std::string> make_again(std::string_view tar_split, const Fd& root);

// All members of a tar.
Result<std::vector<archive::TarEntry>> members_of(std::string_view tar);

// The whole of a source.
Result<std::string> read_whole(archive::ByteSource& source);

} // namespace dind::test
