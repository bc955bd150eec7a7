#include <archive/tar_member.hpp>

#include <archive/member_path.hpp>

#include <limits>

namespace dind::archive {
namespace {

constexpr std::string_view kXattrPrefix = "SCHILY.xattr.";
constexpr std::uint32_t kModeBits = 07777;

Result<EntryType> type_of(char type, std::string_view name) {
  switch (type) {
  case '\0': // before POSIX there was no type for directories
    return name.ends_with('/') ? EntryType::directory : EntryType::file;
  case '0':
  case '7': // "contiguous", which readers take for a plain file
  case 'S': // GNU sparse
    return EntryType::file;
  case '1':
    return EntryType::hard_link;
  case '2':
    return EntryType::symlink;
  case '3':
    return EntryType::char_device;
  case '4':
    return EntryType::block_device;
  case '5':
    return EntryType::directory;
  case '6':
    return EntryType::fifo;
  default:
    return input_error("a member of type {:#04x} cannot be unpacked",
                       static_cast<unsigned>(static_cast<unsigned char>(type)));
  }
}

// As chown(2) takes it: negative numbers wrap around, and -1 leaves root.
Result<std::uint32_t> to_id(std::int64_t number) {
  constexpr std::uint32_t kUnchanged = std::numeric_limits<std::uint32_t>::max();
  if (number < std::numeric_limits<std::int32_t>::min() || number > kUnchanged) {
    return input_error("the owner {} is out of range", number);
  }
  const auto id = static_cast<std::uint32_t>(number);
  return id == kUnchanged ? 0 : id;
}

Result<void> override_number(const PaxRecords& pax, std::string_view key, std::int64_t& number) {
  const std::string_view value = find_pax(pax, key);
  if (!value.empty()) {
    number = TRY(parse_decimal(value).within(key));
  }
  return {};
}

std::vector<Xattr> xattrs_of(const PaxRecords& pax) {
  std::vector<Xattr> xattrs;
  for (auto at = pax.lower_bound(kXattrPrefix);
       at != pax.end() && at->first.starts_with(kXattrPrefix); ++at) {
    xattrs.push_back({at->first.substr(kXattrPrefix.size()), at->second});
  }
  return xattrs;
}

} // namespace

Result<void> apply(const Extensions& extensions, TarHeader& header) {
  const PaxRecords& pax = extensions.pax;
  for (const std::string_view name :
       {find_pax(pax, "path"), std::string_view(extensions.long_name)}) {
    if (!name.empty()) {
      header.name = name;
    }
  }
  for (const std::string_view link :
       {find_pax(pax, "linkpath"), std::string_view(extensions.long_link)}) {
    if (!link.empty()) {
      header.link_name = link;
    }
  }
  TRY(override_number(pax, "uid", header.uid));
  TRY(override_number(pax, "gid", header.gid));
  return override_number(pax, "size", header.size);
}

Result<TarEntry> make_entry(const TarHeader& header, const PaxRecords& pax) {
  TarEntry entry;
  entry.type = TRY(type_of(header.type, header.name));
  entry.name = header.name;
  entry.link_name = header.link_name;
  entry.mode = static_cast<std::uint32_t>(header.mode) & kModeBits;
  entry.uid = TRY(to_id(header.uid));
  entry.gid = TRY(to_id(header.gid));
  entry.mtime = header.mtime;
  if (const std::string_view mtime = find_pax(pax, "mtime"); !mtime.empty()) {
    const PaxTime time = TRY(parse_pax_time(mtime));
    entry.mtime = time.seconds;
    entry.mtime_ns = time.nanoseconds;
  }
  if (entry.type == EntryType::char_device || entry.type == EntryType::block_device) {
    // mknod(2) has 12 and 20 bits for them, and engines cut off the rest (Go's unix.Mkdev).
    entry.device_major = static_cast<std::uint32_t>(header.device_major) & 0xFFFU;
    entry.device_minor = static_cast<std::uint32_t>(header.device_minor) & 0xFFFFFU;
  }
  if (entry.type == EntryType::file) {
    if (header.size < 0) {
      return input_error("its size is negative");
    }
    entry.size = static_cast<std::uint64_t>(header.size);
  }
  entry.xattrs = xattrs_of(pax);
  return entry;
}

bool is_whiteout(std::string_view name) {
  while (name.ends_with('/')) {
    name.remove_suffix(1);
  }
  return name.substr(name.rfind('/') + 1).starts_with(kWhiteoutPrefix);
}

} // namespace dind::archive
