#include <images/bundle.hpp>

#include <archive/member_path.hpp>
#include <archive/tar_reader.hpp>
#include <sys/file.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <vector>

namespace dind::images {
namespace {

constexpr std::uint64_t kDocumentLimit = 16U << 20U;
constexpr std::size_t kMaxMembers = 1'000'000;
constexpr int kMaxLinks = 8;
constexpr std::uint64_t kBlock = 512;

// Passes on little at a time: a reader of headers must not fetch payloads.
class Sips final : public archive::ByteSource {
public:
  explicit Sips(archive::RangeSource inner) : inner_(inner) {}
  Result<std::size_t> read(std::span<std::byte> into) override {
    return inner_.read(into.first(std::min<std::size_t>(into.size(), kSip)));
  }

private:
  static constexpr std::size_t kSip = 4096;
  archive::RangeSource inner_;
};

// Counts the bytes of a member's headers.
class HeaderMeter final : public archive::TarObserver {
public:
  Result<void> raw(std::span<const std::byte> bytes) override {
    if (!seen_) {
      bytes_ += bytes.size();
    }
    return {};
  }
  Result<void> member(const archive::TarEntry&) override {
    seen_ = true;
    return {};
  }
  Result<void> payload(std::span<const std::byte>) override { return {}; }

  std::uint64_t bytes() const { return bytes_; }

private:
  std::uint64_t bytes_ = 0;
  bool seen_ = false;
};

// The path that `target`, found at `from`, leads to: "a/b" and "../c" make "c".
Result<std::string> resolve(const std::string& from, const std::string& target) {
  std::vector<std::string> parts;
  const auto walk = [&parts](const std::string& path) {
    for (const auto& part : boost::filesystem::path(path)) {
      if (part == "..") {
        if (parts.empty()) {
          return false;
        }
        parts.pop_back();
      } else if (!part.empty() && part != "." && part != "/") {
        parts.push_back(part.native());
      }
    }
    return true;
  };
  const bool inside =
      (target.starts_with('/') || walk(boost::filesystem::path(from).parent_path().native())) &&
      walk(target);
  std::string path;
  for (const std::string& part : parts) {
    path += (path.empty() ? "" : "/") + part;
  }
  if (!inside || path.empty()) {
    return input_error("{}: its link target {} is outside the archive", from, target);
  }
  return path;
}

class TarBundle final : public Bundle {
public:
  explicit TarBundle(std::shared_ptr<const Fd> fd) : fd_(std::move(fd)) {}

  // Adds the members from `at` on.
  Result<void> index(std::uint64_t at) {
    const auto file_size = static_cast<std::uint64_t>(TRY(sys::stat_of(*fd_)).st_size);
    while (at < file_size) {
      // Only headers are read: a reader for each member starts behind the last one's payload.
      HeaderMeter meter;
      Sips source(archive::RangeSource(*fd_, at, file_size - at));
      archive::TarReader reader(source, &meter);
      auto next = reader.next();
      if (!next && members_.empty()) {
        return std::move(next).error().within("not an archive of images");
      }
      const auto entry = TRY(std::move(next));
      if (!entry) {
        return {};
      }
      const std::uint64_t payload = at + meter.bytes();
      const std::uint64_t size = entry->type == archive::EntryType::file ? entry->size : 0;
      if (entry->sparse) {
        return input_error("{} is stored as a sparse file, which no image archive does",
                           entry->name);
      }
      if (payload > file_size || size > file_size - payload) {
        return input_error("truncated: {} should have {} bytes, and {} are left", entry->name, size,
                           file_size - payload);
      }
      TRY(add(*entry, payload));
      at = payload + (size + kBlock - 1) / kBlock * kBlock;
    }
    return {};
  }

  bool has(const std::string& name) const override { return members_.contains(name); }

  Result<Stored> find(const std::string& name) const override {
    std::string at = name;
    for (int links = 0; links < kMaxLinks; ++links) {
      const auto found = members_.find(at);
      if (found == members_.end()) {
        return input_error("{} is not in the archive", at);
      }
      const Member& member = found->second;
      if (member.link_to.empty()) {
        return Stored{fd_, member.offset, member.size};
      }
      at = member.link_to;
    }
    return input_error("{}: too many links", name);
  }

private:
  struct Member {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::string link_to; // name of another member
  };

  Result<void> add(const archive::TarEntry& entry, std::uint64_t payload) {
    if (entry.type == archive::EntryType::directory ||
        entry.type == archive::EntryType::global_header) {
      return {};
    }
    const std::string name = TRY(archive::clean_path(entry.name));
    Member member{payload, entry.size, ""};
    switch (entry.type) {
    case archive::EntryType::file:
      break;
    case archive::EntryType::symlink: // docker save 1.10 to 24: a layer that two images share
      member.link_to = TRY(resolve(name, entry.link_name));
      break;
    case archive::EntryType::hard_link:
      member.link_to = TRY(archive::clean_path(entry.link_name));
      break;
    default:
      return input_error("{} is a device or fifo, which no image archive holds", name);
    }
    if (members_.size() == kMaxMembers) {
      return input_error("more than {} members", kMaxMembers);
    }
    // Archives that repeat a member (containerd's export may) repeat its bytes; the last one wins
    // as in tar.
    members_[name] = std::move(member);
    return {};
  }

  std::shared_ptr<const Fd> fd_;
  std::map<std::string, Member> members_;
};

class DirectoryBundle final : public Bundle {
public:
  explicit DirectoryBundle(Fd dir) : dir_(std::move(dir)) {}

  bool has(const std::string& name) const override {
    return static_cast<bool>(sys::open_beneath(dir_, name, O_PATH));
  }

  Result<Stored> find(const std::string& name) const override {
    // A fifo would be waited for.
    Fd fd = TRY(sys::open_beneath(dir_, name, O_RDONLY | O_NONBLOCK));
    const struct stat found = TRY(sys::stat_of(fd));
    if (!S_ISREG(found.st_mode)) {
      return input_error("{} is not a regular file", name);
    }
    return Stored{std::make_shared<const Fd>(std::move(fd)), 0,
                  static_cast<std::uint64_t>(found.st_size)};
  }

private:
  Fd dir_;
};

// Windows PowerShell's > writes text.
Result<void> refuse_utf16(const Fd& fd, std::uint64_t start) {
  std::array<std::byte, 2> mark{};
  archive::RangeSource source(fd, start, mark.size());
  if (TRY(archive::read_fully(source, mark)) < mark.size()) {
    return {};
  }
  const bool is_text = (mark[0] == std::byte{0xff} && mark[1] == std::byte{0xfe}) ||
                       (mark[0] == std::byte{0xfe} && mark[1] == std::byte{0xff});
  return is_text ? input_error("not an archive of images, but text in UTF-16, as PowerShell makes "
                               "it of what a program prints: use docker save -o FILE")
                 : Result<void>();
}

} // namespace

Result<std::string> Bundle::read_document(const std::string& name) const {
  const Stored stored = TRY(find(name));
  if (stored.size > kDocumentLimit) {
    return input_error("{} has {} bytes, and a document of an image at most {}", name, stored.size,
                       kDocumentLimit);
  }
  std::string text(stored.size, '\0');
  archive::RangeSource source = stored.source();
  if (!text.empty()) {
    auto got =
        archive::read_fully(source, std::as_writable_bytes(std::span(text.data(), text.size())));
    TRY(std::move(got).within(name));
  }
  return text;
}

Result<std::unique_ptr<Bundle>> index_tar(std::shared_ptr<const Fd> fd, std::uint64_t start) {
  TRY(refuse_utf16(*fd, start));
  auto bundle = std::make_unique<TarBundle>(std::move(fd));
  TRY(bundle->index(start));
  return std::unique_ptr<Bundle>(std::move(bundle));
}

Result<std::unique_ptr<Bundle>> open_directory(const boost::filesystem::path& path) {
  Fd dir = TRY(sys::open_dir(path));
  TRY(sys::open_beneath(dir, ".", O_PATH)); // else a call that is refused would be a file not there
  return std::unique_ptr<Bundle>(std::make_unique<DirectoryBundle>(std::move(dir)));
}

} // namespace dind::images
