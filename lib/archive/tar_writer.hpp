#pragma once

#include <archive/byte_source.hpp>
#include <archive/tar_header.hpp>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace dind::archive {

// A file to be put into a tar: owned by root, 0644, of the epoch.
struct TarFile {
  std::string name;
  std::uint64_t size = 0;
  std::unique_ptr<ByteSource> content;
};

// The header block of such a file: ustar, with a base-256 size (as GNU's and Go's tar
// have it) from 8 GiB on. A name is at most 100 bytes.
Result<std::array<std::byte, kTarBlock>> print_file_header(const TarFile& file);

// What such a file of `size` bytes takes in a tar, and what ends one.
std::uint64_t tar_file_size(std::uint64_t size);
inline constexpr std::uint64_t kTarEnd = 2 * kTarBlock;

// A tar that is made as it is read, of files that are asked for one by one: nothing of
// their contents is held. A content that is not as long as was said is an error.
class TarWriterSource final : public ByteSource {
public:
  using NextFile = std::function<Result<std::optional<TarFile>>()>;

  explicit TarWriterSource(NextFile next) : next_(std::move(next)) {}
  Result<std::size_t> read(std::span<std::byte> into) override;

private:
  Result<void> advance();
  Result<std::size_t> read_content(std::span<std::byte> into);

  NextFile next_;
  std::optional<TarFile> file_;
  std::uint64_t left_ = 0; // of the file's content
  std::string pending_;    // headers and padding, to be handed out first
  std::size_t pending_at_ = 0;
  bool ended_ = false;
};

} // namespace dind::archive
