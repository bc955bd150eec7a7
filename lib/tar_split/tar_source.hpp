#pragma once

#include <archive/byte_source.hpp>
#include <base/result.hpp>
#include <tar_split/payload.hpp>

#include <cstddef>
#include <memory>
#include <span>

namespace dind::tar_split {

// The tar itself, made again from tar-split and payloads, which are held against
// it as Payload says.
class TarSource final : public archive::ByteSource {
public:
  // `json` must outlive the source.
  TarSource(archive::ByteSource& json, OpenPayload open_payload);
  ~TarSource() override;
  // Fills `into` unless the tar ends.
  Result<std::size_t> read(std::span<std::byte> into) override;

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace dind::tar_split
