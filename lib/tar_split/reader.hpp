#pragma once

#include <archive/byte_source.hpp>
#include <base/result.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace dind::tar_split {

struct Segment {
  std::string bytes;
};
struct File {
  std::string name; // raw bytes, as the tar spells it
  std::uint64_t size = 0;
  std::uint64_t crc64 = 0; // of the payload; 0 where size is 0
};
using Item = std::variant<Segment, File>;

// Reads tar-split JSON lines (already decompressed). Lines are bounded (8 MiB) and
// must count their positions from `position` on.
class Reader {
public:
  // `json` must outlive the reader.
  explicit Reader(archive::ByteSource& json, std::uint64_t position = 0);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Result<std::optional<Item>> next();

  // Behind the last item: its place in `json`, from where this began to read, and its position.
  std::uint64_t offset() const;
  std::uint64_t position() const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace dind::tar_split
