#include <archive/member_header.hpp>

#include <archive/pax.hpp>
#include <archive/ustar_block.hpp>
#include <base/utf8.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace dind::archive {
namespace {

constexpr const char* kPaxName = "PaxHeaders.0/member"; // readers ignore it
constexpr std::size_t kEndBlocks = 2;

char type_flag(EntryType type) {
  switch (type) {
  case EntryType::hard_link:
    return '1';
  case EntryType::symlink:
    return '2';
  case EntryType::directory:
    return '5';
  default:
    return '0';
  }
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// A name in the two fields that ustar has for it; nothing where it does not fit.
struct SplitName {
  std::string_view prefix;
  std::string_view name;
};
std::optional<SplitName> split_name(std::string_view name) {
  if (!is_ascii(name)) {
    return std::nullopt;
  }
  if (name.size() <= kUstarName.size) {
    return SplitName{"", name};
  }
  // The slash between the fields is in neither, and one at the very end splits nothing.
  const std::size_t slash = name.rfind('/', std::min(kUstarPrefix.size, name.size() - 2));
  if (slash == std::string_view::npos || slash == 0 || name.size() - slash - 1 > kUstarName.size) {
    return std::nullopt;
  }
  return SplitName{name.substr(0, slash), name.substr(slash + 1)};
}

// "<length> <key>=<value>\n", where the length counts its own digits.
std::string print_record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (length != rest + std::to_string(length).size()) {
    length = rest + std::to_string(length).size();
  }
  std::string record = fmt::format("{} {}=", length, key);
  record.append(value); // raw bytes, NULs among them
  return record += '\n';
}

std::string print_time(const TarEntry& entry) {
  std::string text = std::to_string(entry.mtime);
  if (entry.mtime_ns != 0) {
    text += fmt::format(".{:09}", entry.mtime_ns);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text;
}

// What ustar's fields cannot say.
PaxRecords records_of(const TarEntry& entry, const std::string& name) {
  PaxRecords records;
  if (!split_name(name)) {
    records["path"] = name;
  }
  if (!is_ascii(entry.link_name) || entry.link_name.size() > kUstarLink.size) {
    records["linkpath"] = entry.link_name;
  }
  if (!records.empty() && (!is_utf8(name) || !is_utf8(entry.link_name))) {
    records["hdrcharset"] = "BINARY"; // bsdtar and Python want to be told; Go takes any bytes
  }
  if (entry.size > octal_limit(kUstarSize)) {
    records["size"] = std::to_string(entry.size);
  }
  if (entry.uid > octal_limit(kUstarUid)) {
    records["uid"] = std::to_string(entry.uid);
  }
  if (entry.gid > octal_limit(kUstarGid)) {
    records["gid"] = std::to_string(entry.gid);
  }
  if (entry.mtime_ns != 0 || entry.mtime < 0 ||
      static_cast<std::uint64_t>(entry.mtime) > octal_limit(kUstarTime)) {
    records["mtime"] = print_time(entry);
  }
  for (const Xattr& xattr : entry.xattrs) {
    records["SCHILY.xattr." + xattr.name] = xattr.value;
  }
  return records;
}

void append(std::string& text, UstarBlock& block) {
  const auto& bytes = block.finish();
  text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void put_number(UstarBlock& block, UstarField field, std::uint64_t value) {
  block.put_octal(field, value > octal_limit(field) ? 0 : value);
}

} // namespace

std::string member_padding(std::uint64_t size) {
  return std::string((kTarBlock - size % kTarBlock) % kTarBlock, '\0');
}

std::string tar_trailer() {
  return std::string(kEndBlocks * kTarBlock, '\0');
}

std::string print_member_header(const TarEntry& entry) {
  const std::string name =
      entry.name + (entry.type == EntryType::directory && !entry.name.ends_with('/') ? "/" : "");
  std::string text;
  std::string body;
  for (const auto& [key, value] : records_of(entry, name)) {
    body += print_record(key, value);
  }
  if (!body.empty()) {
    UstarBlock extended('x');
    extended.put_text(kUstarName, kPaxName);
    extended.put_octal(kUstarMode, 0644);
    extended.put_octal(kUstarUid, 0);
    extended.put_octal(kUstarGid, 0);
    extended.put_octal(kUstarSize, body.size());
    extended.put_octal(kUstarTime, 0);
    append(text, extended);
    text += body + member_padding(body.size());
  }
  UstarBlock block(type_flag(entry.type));
  const auto split = split_name(name);
  block.put_text(kUstarName, split ? split->name : std::string_view("member"));
  block.put_text(kUstarPrefix, split ? split->prefix : "");
  block.put_text(kUstarLink, entry.link_name);
  block.put_octal(kUstarMode, entry.mode);
  put_number(block, kUstarUid, entry.uid);
  put_number(block, kUstarGid, entry.gid);
  put_number(block, kUstarSize, entry.type == EntryType::file ? entry.size : 0);
  put_number(block, kUstarTime, static_cast<std::uint64_t>(std::max<std::int64_t>(entry.mtime, 0)));
  append(text, block);
  return text;
}

} // namespace dind::archive
