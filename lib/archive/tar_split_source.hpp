#pragma once

#include <archive/byte_source.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace dind::archive {

// Opens the payload of a file by its name in the tar.
using OpenPayload = std::function<Result<Fd>(const std::string& name)>;

// The tar itself, made again from tar-split and payloads. A payload that is
// shorter, longer, or has another checksum than tar-split says is an error that
// names the file.
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
