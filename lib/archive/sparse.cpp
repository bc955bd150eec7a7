#include <archive/sparse.hpp>

namespace dind::archive {
namespace {

constexpr std::size_t kMaxExtents = 1U << 20U;              // 16 MiB of memory
constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 40U; // a terabyte of holes is an attack
constexpr std::size_t kMaxDigits = 20;                      // digits of a 64-bit number

// The old GNU layout: entries of two 12-byte numbers, then a flag byte.
constexpr std::size_t kHeaderMap = 386;
constexpr std::size_t kHeaderEntries = 4;
constexpr std::size_t kExtensionEntries = 21;
constexpr std::size_t kNumberSize = 12;
constexpr std::size_t kRealSize = 483;

Result<std::uint64_t> not_negative(Result<std::int64_t> number) {
  const std::int64_t value = TRY(std::move(number));
  if (value < 0) {
    return input_error("the sparse map has a negative number");
  }
  return static_cast<std::uint64_t>(value);
}

Result<void> append(std::vector<Extent>& extents, Extent extent) {
  if (extents.size() == kMaxExtents) {
    return input_error("the sparse map has more than {} entries", kMaxExtents);
  }
  extents.push_back(extent);
  return {};
}

Result<bool> read_entries(TarBlock block, std::size_t offset, std::size_t count,
                          std::vector<Extent>& extents) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto entry = block.subspan(offset + i * 2 * kNumberSize, 2 * kNumberSize);
    if (entry.front() == std::byte{0}) {
      break; // unused; an extension block may follow all the same
    }
    Extent extent;
    extent.offset = TRY(not_negative(parse_tar_number(entry.first(kNumberSize))));
    extent.size = TRY(not_negative(parse_tar_number(entry.subspan(kNumberSize))));
    TRY(append(extents, extent));
  }
  return block[offset + count * 2 * kNumberSize] != std::byte{0};
}

} // namespace

SparseKind sparse_kind(const TarHeader& header, const PaxRecords& records) {
  if (header.type == 'S') {
    return SparseKind::gnu;
  }
  const std::string_view major = find_pax(records, "GNU.sparse.major");
  const std::string_view minor = find_pax(records, "GNU.sparse.minor");
  if (major == "0" && (minor == "0" || minor == "1")) {
    return SparseKind::pax_map;
  }
  if (major == "1" && minor == "0") {
    return SparseKind::pax_1_0;
  }
  // 0.0 and 0.1 did not say their version at first.
  const bool versioned = !major.empty() || !minor.empty();
  const bool has_map = !find_pax(records, "GNU.sparse.map").empty();
  return !versioned && has_map ? SparseKind::pax_map : SparseKind::none;
}

Result<bool> read_gnu_sparse_header(TarBlock header, std::vector<Extent>& extents) {
  return read_entries(header, kHeaderMap, kHeaderEntries, extents);
}

Result<bool> read_gnu_sparse_extension(TarBlock block, std::vector<Extent>& extents) {
  return read_entries(block, 0, kExtensionEntries, extents);
}

Result<std::uint64_t> gnu_sparse_size(TarBlock header) {
  return not_negative(parse_tar_number(header.subspan(kRealSize, kNumberSize)));
}

Result<std::vector<Extent>> read_sparse_pax_map(const PaxRecords& records) {
  const std::uint64_t count =
      TRY(not_negative(parse_decimal(find_pax(records, "GNU.sparse.numblocks"))));
  std::string_view map = find_pax(records, "GNU.sparse.map");
  const auto take = [&map]() -> Result<std::uint64_t> {
    const std::size_t comma = map.find(',');
    auto number = not_negative(parse_decimal(map.substr(0, comma)));
    map.remove_prefix(comma == std::string_view::npos ? map.size() : comma + 1);
    return number;
  };
  std::vector<Extent> extents;
  while (!map.empty()) {
    Extent extent;
    extent.offset = TRY(take());
    extent.size = TRY(take());
    TRY(append(extents, extent));
  }
  if (extents.size() != count) {
    return input_error("the sparse map has {} entries instead of {}", extents.size(), count);
  }
  return extents;
}

Result<std::optional<std::uint64_t>> sparse_pax_size(const PaxRecords& records) {
  std::string_view text = find_pax(records, "GNU.sparse.size");
  if (text.empty()) {
    text = find_pax(records, "GNU.sparse.realsize");
  }
  if (text.empty()) {
    return std::optional<std::uint64_t>();
  }
  return std::optional<std::uint64_t>(TRY(not_negative(parse_decimal(text))));
}

Result<bool> SparseMapParser::add(TarBlock block) {
  for (const std::byte byte : block) {
    if (complete()) {
      break; // the rest of the block is filling
    }
    if (byte != std::byte{'\n'}) {
      line_ += static_cast<char>(byte);
      if (line_.size() > kMaxDigits) {
        return input_error("the sparse map is malformed");
      }
      continue;
    }
    const std::uint64_t number = TRY(not_negative(parse_decimal(line_)));
    TRY(take_number(number));
  }
  return complete();
}

Result<void> SparseMapParser::take_number(std::uint64_t number) {
  line_.clear();
  if (!count_) {
    count_ = number;
    return {};
  }
  if (!offset_) {
    offset_ = number;
    return {};
  }
  TRY(append(extents_, {*offset_, number}));
  offset_.reset();
  return {};
}

Result<void> check_extents(const std::vector<Extent>& extents, std::uint64_t size,
                           std::uint64_t stored) {
  if (size > kMaxSize) {
    return input_error("the sparse file claims {} bytes, the limit is {}", size, kMaxSize);
  }
  std::uint64_t end = 0;
  std::uint64_t sum = 0;
  for (const Extent& extent : extents) {
    if (extent.offset < end || extent.offset > size || extent.size > size - extent.offset) {
      return input_error("the sparse map is out of order or leaves the file");
    }
    end = extent.offset + extent.size;
    sum += extent.size;
  }
  if (sum != stored) {
    return input_error("the sparse map covers {} bytes, the archive has {}", sum, stored);
  }
  return {};
}

} // namespace dind::archive
