#include <bake/metered_source.hpp>

namespace dind::bake {

Result<std::size_t> MeteredSource::read(std::span<std::byte> into) {
  if (stop_) {
    return stopped();
  }
  const std::size_t got = TRY(inner_.read(into));
  progress_.add(got);
  return got;
}

} // namespace dind::bake
