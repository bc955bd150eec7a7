#pragma once

#include <archive/byte_source.hpp>

#include <memory>

namespace dind::images {

// Reads `inner` on a thread of its own, a few buffers ahead, so that decompressing
// and hashing go on while the reader writes files. Errors come where the bytes
// would have. The reader may leave early; `inner` is read no further then. Where no
// thread can be had, nothing is read ahead.
class ReadAhead final : public archive::ByteSource {
public:
  // `inner` must outlive this object and is not to be touched meanwhile.
  explicit ReadAhead(archive::ByteSource& inner);
  ~ReadAhead() override;
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  Result<std::size_t> read(std::span<std::byte> into) override;

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace dind::images
