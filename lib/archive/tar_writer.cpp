#include <archive/tar_writer.hpp>

#include <archive/ustar_block.hpp>

#include <algorithm>
#include <cstring>

namespace dind::archive {
namespace {

constexpr std::uint64_t kFileMode = 0644;

std::uint64_t padding(std::uint64_t size) {
  return (kTarBlock - size % kTarBlock) % kTarBlock;
}

} // namespace

Result<std::array<std::byte, kTarBlock>> print_file_header(const TarFile& file) {
  if (file.name.empty() || file.name.size() > kUstarName.size) {
    return input_error("a name of {} bytes does not fit a tar header", file.name.size());
  }
  UstarBlock block('0');
  block.put_text(kUstarName, file.name);
  block.put_octal(kUstarMode, kFileMode);
  block.put_octal(kUstarUid, 0);
  block.put_octal(kUstarGid, 0);
  block.put_size(file.size);
  block.put_octal(kUstarTime, 0);
  return block.finish();
}

std::uint64_t tar_file_size(std::uint64_t size) {
  return kTarBlock + size + padding(size);
}

Result<std::size_t> TarWriterSource::read(std::span<std::byte> into) {
  for (;;) {
    if (pending_at_ < pending_.size()) {
      const std::size_t count = std::min(into.size(), pending_.size() - pending_at_);
      std::memcpy(into.data(), pending_.data() + pending_at_, count);
      pending_at_ += count;
      return count;
    }
    if (left_ > 0) {
      return read_content(into);
    }
    if (ended_) {
      return std::size_t{0};
    }
    TRY(advance());
  }
}

Result<std::size_t> TarWriterSource::read_content(std::span<std::byte> into) {
  const auto wanted = into.first(std::min<std::uint64_t>(into.size(), left_));
  const std::size_t got = TRY(file_->content->read(wanted).within(file_->name));
  if (got == 0) {
    return input_error("{}: {} bytes too short", file_->name, left_);
  }
  left_ -= got;
  return got;
}

// Ends the file that was read, and begins the next one or the end of the tar.
Result<void> TarWriterSource::advance() {
  pending_.clear();
  pending_at_ = 0;
  if (file_) {
    std::byte more{};
    if (TRY(file_->content->read({&more, 1}).within(file_->name)) != 0) {
      return input_error("{}: longer than {} bytes", file_->name, file_->size);
    }
    pending_.append(padding(file_->size), '\0');
    file_.reset();
  }
  file_ = TRY(next_());
  if (!file_) {
    pending_.append(kTarEnd, '\0');
    ended_ = true;
    return {};
  }
  const auto header = TRY(print_file_header(*file_));
  pending_.append(reinterpret_cast<const char*>(header.data()), header.size());
  left_ = file_->size;
  return {};
}

} // namespace dind::archive
