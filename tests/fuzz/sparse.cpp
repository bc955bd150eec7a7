#include <fuzz/target.hpp>

#include <archive/sparse.hpp>

#include <optional>

namespace dind::fuzz {
namespace {

// Extents that pass lie within the file, in order.
void require_order(const std::vector<archive::Extent>& extents, std::uint64_t size) {
  std::uint64_t stored = 0;
  for (const archive::Extent& extent : extents) {
    stored += extent.size;
  }
  if (!archive::check_extents(extents, size, stored)) {
    return;
  }
  std::uint64_t end = 0;
  for (const archive::Extent& extent : extents) {
    require(extent.offset >= end && extent.offset <= size && extent.size <= size - extent.offset);
    end = extent.offset + extent.size;
  }
}

std::optional<archive::TarBlock> take_block(std::string_view& input) {
  if (input.size() < archive::kTarBlock) {
    return std::nullopt;
  }
  const auto bytes = std::as_bytes(std::span(input));
  input.remove_prefix(archive::kTarBlock);
  return archive::TarBlock(bytes.first<archive::kTarBlock>());
}

void run_gnu(std::string_view input) {
  std::vector<archive::Extent> extents;
  const auto header = take_block(input);
  if (!header) {
    return;
  }
  auto more = archive::read_gnu_sparse_header(*header, extents);
  for (auto block = take_block(input); more && *more && block; block = take_block(input)) {
    more = archive::read_gnu_sparse_extension(*block, extents);
  }
  if (const auto size = archive::gnu_sparse_size(*header); more && size) {
    require_order(extents, *size);
  }
}

// The map of PAX format 1.0 and, of the same bytes, that of a GNU header.
void run_sparse(std::string_view input) {
  run_gnu(input);
  archive::SparseMapParser map;
  while (const auto block = take_block(input)) {
    const auto complete = map.add(*block);
    if (!complete) {
      return;
    }
    if (*complete) {
      require_order(map.take(), 1U << 20U);
      return;
    }
  }
}

const Target kTargetSparse("sparse", run_sparse);

} // namespace
} // namespace dind::fuzz
