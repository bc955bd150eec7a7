#pragma once

#include <archive/byte_source.hpp>
#include <bake/progress.hpp>
#include <images/spool.hpp>

namespace dind::bake {

// Tells how much was read of a source, and ends it when that is no longer wanted.
class MeteredSource final : public archive::ByteSource {
public:
  MeteredSource(ByteSource& inner, Progress& progress, const StopFlag& stop)
      : inner_(inner), progress_(progress), stop_(stop) {}

  Result<std::size_t> read(std::span<std::byte> into) override;

private:
  ByteSource& inner_;
  Progress& progress_;
  const StopFlag& stop_;
};

} // namespace dind::bake
