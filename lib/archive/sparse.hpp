#pragma once

#include <archive/pax.hpp>
#include <archive/tar_entry.hpp>
#include <archive/tar_header.hpp>
#include <base/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dind::archive {

// How the map of a sparse member is stored (GNU tar's manual, "Storing Sparse Files").
enum class SparseKind {
  none,
  gnu,     // type 'S': in the header and in extension blocks behind it
  pax_map, // PAX formats 0.0 and 0.1: in a PAX record
  pax_1_0, // PAX format 1.0: decimal lines in front of the data, filled up to a block
};

// What `header` and `records` say about a member. Versions that are unknown are
// no sparse files, as for Go's archive/tar.
SparseKind sparse_kind(const TarHeader& header, const PaxRecords& records);

// The entries of a GNU header, or of the extension block behind it, are appended to
// `extents`; whether another block follows.
Result<bool> read_gnu_sparse_header(TarBlock header, std::vector<Extent>& extents);
Result<bool> read_gnu_sparse_extension(TarBlock block, std::vector<Extent>& extents);
// The size with holes that a GNU sparse header states.
Result<std::uint64_t> gnu_sparse_size(TarBlock header);

Result<std::vector<Extent>> read_sparse_pax_map(const PaxRecords& records);
// The size with holes that PAX records state, if they do.
Result<std::optional<std::uint64_t>> sparse_pax_size(const PaxRecords& records);

// Reads the map of PAX format 1.0, block by block.
class SparseMapParser {
public:
  // Whether the map is complete; further blocks are data.
  Result<bool> add(TarBlock block);
  std::vector<Extent> take() { return std::move(extents_); }

private:
  Result<void> take_number(std::uint64_t number);
  bool complete() const { return count_ && extents_.size() == *count_ && !offset_; }

  std::string line_;
  std::optional<std::uint64_t> count_;
  std::optional<std::uint64_t> offset_;
  std::vector<Extent> extents_;
};

// Whether the extents ascend without overlap, stay within `size`, and together
// are as long as the data that the archive holds.
Result<void> check_extents(const std::vector<Extent>& extents, std::uint64_t size,
                           std::uint64_t stored);

} // namespace dind::archive
