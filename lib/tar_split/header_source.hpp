#pragma once

#include <archive/byte_source.hpp>
#include <base/result.hpp>
#include <tar_split/reader.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>

namespace dind::tar_split {

// A layer's tar as far as tar-split has it, to read its headers from. Zeros stand for the content
// of a file, once its reader has asked for the file: it can look first whether there is so much.
class HeaderSource final : public archive::ByteSource {
public:
  // `json` must outlive the source.
  explicit HeaderSource(archive::ByteSource& json) : items_(json) {}
  Result<std::size_t> read(std::span<std::byte> into) override;

  // What tar-split says of the member whose headers were read last. Call it once for each.
  Result<File> next_file();
  // Bytes of the tar that were read.
  std::uint64_t offset() const { return offset_; }

private:
  bool is_used_up() const { return segment_at_ == segment_.size() && zeros_ == 0; }
  Result<bool> advance();

  Reader items_;
  std::string segment_;
  std::size_t segment_at_ = 0;
  std::uint64_t zeros_ = 0;
  std::deque<File> files_; // that were not asked for yet
  std::uint64_t offset_ = 0;
};

} // namespace dind::tar_split
