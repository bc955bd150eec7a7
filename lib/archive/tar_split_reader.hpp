#pragma once

#include <archive/byte_source.hpp>
#include <base/result.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace dind::archive {

struct SplitSegment {
  std::string bytes;
};
struct SplitFile {
  std::string name; // raw bytes, as the tar spells it
  std::uint64_t size = 0;
  std::uint64_t crc64 = 0; // of the payload; 0 where size is 0
};
using SplitItem = std::variant<SplitSegment, SplitFile>;

// Reads tar-split JSON lines (already decompressed). Lines are bounded (8 MiB) and
// must count their positions from `position` on.
class TarSplitReader {
public:
  // `json` must outlive the reader.
  explicit TarSplitReader(ByteSource& json, std::uint64_t position = 0);
  ~TarSplitReader();
  TarSplitReader(const TarSplitReader&) = delete;
  TarSplitReader& operator=(const TarSplitReader&) = delete;

  Result<std::optional<SplitItem>> next();

  // Behind the last item: its place in `json`, from where this began to read, and its position.
  std::uint64_t offset() const;
  std::uint64_t position() const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace dind::archive
