#pragma once

#include <archive/byte_source.hpp>
#include <archive/split_payload.hpp>
#include <base/result.hpp>

#include <cstddef>
#include <memory>
#include <span>

namespace dind::archive {

// The tar itself, made again from tar-split and payloads, which are held against
// it as SplitPayload says.
class TarSplitSource final : public ByteSource {
public:
  // `json` must outlive the source.
  TarSplitSource(ByteSource& json, OpenPayload open_payload);
  ~TarSplitSource() override;
  // Fills `into` unless the tar ends.
  Result<std::size_t> read(std::span<std::byte> into) override;

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace dind::archive
