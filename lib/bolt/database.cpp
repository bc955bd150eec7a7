#include <bolt/database.hpp>

#include <sys/file.hpp>
#include <sys/lock.hpp>

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <span>

namespace dind::bolt {
namespace {

constexpr std::uint64_t kMostBytesRead = 256ULL << 20U;
constexpr std::uint64_t kMostBytesOfAPage = 16ULL << 20U; // overflow pages included

// As many of `size` bytes from `offset` on as the file has.
Result<std::string> read_at(const Fd& file, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t got =
        ::pread(file.get(), bytes.data() + have, size - have, static_cast<off_t>(offset + have));
    if (got == -1 && errno != EINTR) {
      return errno_error("read");
    }
    if (got == 0) {
      break;
    }
    have += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  }
  bytes.resize(have);
  return bytes;
}

Result<std::optional<Meta>> meta_at(const Fd& file, std::uint64_t offset) {
  return decode_meta(TRY(read_at(file, offset, kMetaSize)));
}

// The second lies a page behind the first. Where the first is torn nothing says how large a page
// is, and each size is tried.
Result<std::optional<Meta>> second_meta(const Fd& file, const std::optional<Meta>& first) {
  if (first) {
    return meta_at(file, first->page_size);
  }
  for (std::uint32_t size = kSmallestPage; size <= kLargestPage; size *= 2) {
    const std::optional<Meta> found = TRY(meta_at(file, size));
    if (found && found->page_size == size) {
      return found;
    }
  }
  return std::optional<Meta>();
}

Result<Meta> newest_meta(const Fd& file) {
  const std::optional<Meta> first = TRY(meta_at(file, 0));
  const std::optional<Meta> second = TRY(second_meta(file, first));
  if (!first && !second) {
    return input_error("pages 0 and 1 are no valid meta pages");
  }
  if (first && second && first->page_size != second->page_size) {
    return input_error("its meta pages disagree on the size of a page");
  }
  return !first || (second && second->transaction > first->transaction) ? *second : *first;
}

Result<Meta> check_file(const Fd& file, Database::Access access) {
  const struct stat found = TRY(sys::stat_of(file));
  if (!S_ISREG(found.st_mode)) {
    return input_error("not a regular file");
  }
  if (access != Database::Access::beside && !TRY(sys::try_lock(file))) {
    return Error("in use by another process", EWOULDBLOCK);
  }
  const Meta meta = TRY(newest_meta(file));
  // What is written goes behind the last page: a number that the file does not bear out would make
  // it a file of exabytes.
  const std::uint64_t pages = static_cast<std::uint64_t>(found.st_size) / meta.page_size;
  if (meta.high_water > pages) {
    return input_error("cut short: {} pages where {} are in use", pages, meta.high_water);
  }
  if (meta.root.root >= meta.high_water) {
    return input_error("its root is page {} of {}", meta.root.root, meta.high_water);
  }
  return meta;
}

} // namespace

Result<std::shared_ptr<Database>> Database::open(const Fd& dir, const std::string& path,
                                                 Access access) {
  // Without O_NONBLOCK a FIFO of this name would hold the caller up for ever.
  const int flags = (access == Access::write ? O_RDWR : O_RDONLY) | O_NONBLOCK;
  return adopt(TRY(sys::open_beneath(dir, path, flags)), path, access);
}

Result<std::shared_ptr<Database>> Database::adopt(Fd file, const std::string& name, Access access) {
  const Meta meta = TRY(check_file(file, access).within(name));
  return std::make_shared<Database>(std::move(file), name, meta);
}

Result<Page> Database::read_page(PageId id) {
  if (id >= meta_.high_water) {
    return damaged(id, fmt::format("there are {} pages", meta_.high_water));
  }
  std::string bytes = TRY(read_bytes(id, 1));
  const PageHeader header = decode_page_header(bytes);
  if (header.id != id) {
    return damaged(id, fmt::format("calls itself page {}", header.id));
  }
  if (header.overflow >= meta_.high_water - id ||
      header.overflow >= kMostBytesOfAPage / meta_.page_size) {
    return damaged(id, fmt::format("claims {} more pages", header.overflow));
  }
  bytes += TRY(read_bytes(id + 1, header.overflow));
  auto page = Page::parse(std::move(bytes));
  return page ? std::move(page) : damaged(id, page.error().describe());
}

Result<bool> Database::is_current() const {
  const Meta newest = TRY(newest_meta(file_).within(name_));
  return newest.transaction == meta_.transaction;
}

Result<std::string> Database::read_bytes(PageId first, std::uint64_t pages) {
  const std::size_t size = pages * meta_.page_size;
  bytes_read_ += size;
  if (bytes_read_ > kMostBytesRead) {
    return input_error("{}: larger than {} bytes, or its pages lead to each other", name_,
                       kMostBytesRead);
  }
  std::string bytes = TRY(read_at(file_, first * meta_.page_size, size).within(name_));
  return bytes.size() == size ? Result<std::string>(std::move(bytes))
                              : damaged(first, "behind the end of the file");
}

Error Database::damaged(PageId id, std::string_view what) const {
  return input_error("{}: page {}: {}", name_, id, what);
}

Result<void> Database::append(std::string_view pages, const Meta& meta) {
  const auto size = static_cast<off_t>(TRY(sys::stat_of(file_)).st_size);
  auto written = write_pages(pages);
  if (!written) {
    std::ignore = ::ftruncate(file_.get(), size);
    return std::move(written).within(name_);
  }
  const std::string page = encode_meta(meta);
  TRY(sys::write_all_at(file_, std::as_bytes(std::span(page)),
                        meta.transaction % 2 * meta.page_size)
          .within(name_));
  if (::fdatasync(file_.get()) == -1) {
    return errno_error("sync {}", name_);
  }
  meta_ = meta;
  return {};
}

Result<void> Database::write_pages(std::string_view pages) const {
  TRY(sys::write_all_at(file_, std::as_bytes(std::span(pages)),
                        meta_.high_water * meta_.page_size));
  if (::fdatasync(file_.get()) == -1) {
    return errno_error("sync");
  }
  return {};
}

} // namespace dind::bolt
