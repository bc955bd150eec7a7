#pragma once

#include <archive/tar_entry.hpp>
#include <base/result.hpp>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dind::cache {

inline constexpr const char* kSkeletonName = "skeleton.json";
inline constexpr std::size_t kSkeletonLimit = 512U << 20U; // bytes
inline constexpr std::size_t kSkeletonValues = 4'000'000;  // of its JSON

// A device or fifo of a layer.
struct Node {
  std::string path;
  std::uint32_t mode = 0; // with the file type's bits: S_IFCHR, S_IFBLK or S_IFIFO
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::int64_t mtime = 0; // seconds and nanoseconds
  std::uint32_t mtime_ns = 0;
  std::string link_to; // an earlier node that this is a hard link to; else empty

  bool operator==(const Node&) const = default;
};

// A device or fifo as a layer's tar has it.
Node node_of(const std::string& path, const archive::TarEntry& entry);

// Extended attributes that a file of the tree has in its image and that no
// carrier takes along.
struct LostXattrs {
  std::string path;
  std::vector<std::string> names;

  bool operator==(const LostXattrs&) const = default;
};

// What a layer says that its tree cannot: what an image layer or a foreign
// filesystem would lose or misread on the way. Paths are relative, clean, raw
// bytes; each list is in the order of the tar.
struct Skeleton {
  std::vector<std::string> whiteouts; // path that is deleted
  std::vector<std::string> opaque;    // "" is the layer's root
  std::vector<Node> nodes;
  std::vector<std::string> implied;              // directories without an entry
  std::vector<std::string> overridden_whiteouts; // deleted and made again in the same layer
  std::vector<LostXattrs> lost_xattrs;

  bool empty() const;
  // Entries that a borrowed layer needs a second directory for.
  std::size_t marks() const { return whiteouts.size() + opaque.size() + nodes.size(); }
  // The directories, without the root, that such a second directory consists of.
  std::vector<std::string> mark_dirs() const;
  // What stands there for marks, in overlayfs' form and in AUFS' (".wh.…"), and for nodes.
  std::set<std::string> mark_names() const;

  bool operator==(const Skeleton&) const = default;
};

// Paths that are not UTF-8 are written as {"raw": "<base64>"}.
std::string print_skeleton(const Skeleton& skeleton);
// Refuses paths that are absolute, unclean or leave the layer, and nodes that are none.
Result<Skeleton> parse_skeleton(std::string_view text);

// A relative path of plain components: no "", ".", "..", no NUL. "" is the root
// and is safe only where `root` says so.
enum class Root { allowed, refused };
bool is_safe_path(std::string_view path, Root root);

} // namespace dind::cache
