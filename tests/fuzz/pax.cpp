#include <fuzz/target.hpp>

#include <archive/pax.hpp>
#include <archive/sparse.hpp>

namespace dind::fuzz {
namespace {

void run_pax(std::string_view input) {
  const auto records = archive::parse_pax(input);
  if (!records) {
    return;
  }
  for (const auto& [key, value] : *records) {
    if (const auto time = archive::parse_pax_time(value)) {
      require(time->nanoseconds < 1'000'000'000);
    }
  }
  std::ignore = archive::sparse_kind(archive::TarHeader{}, *records);
  const auto extents = archive::read_sparse_pax_map(*records);
  const auto size = archive::sparse_pax_size(*records);
  if (extents && size && *size) {
    std::ignore = archive::check_extents(*extents, **size, 512);
  }
}

const Target kTargetPax("pax", run_pax);

} // namespace
} // namespace dind::fuzz
