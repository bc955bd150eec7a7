#include <support/tar_builder.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace dind::test {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kChecksumAt = 148;

void put(std::string& block, std::size_t offset, std::size_t size, std::string_view text) {
  std::memcpy(block.data() + offset, text.data(), std::min(size, text.size()));
}

// Octal with a NUL where it fits, else base-256.
void put_number(std::string& block, std::size_t offset, std::size_t size, std::int64_t number) {
  const std::string octal = fmt::format("{:0{}o}", number, size - 1);
  if (number >= 0 && octal.size() < size) {
    put(block, offset, size, octal);
    return;
  }
  auto rest = static_cast<std::uint64_t>(number);
  for (std::size_t i = size; i-- > 0;) {
    block[offset + i] = static_cast<char>(rest & 0xffU);
    rest = rest >> 8U | (number < 0 ? std::uint64_t{0xff} << 56U : 0U);
  }
  block[offset] = static_cast<char>(static_cast<unsigned char>(block[offset]) | 0x80U);
}

void pad(std::string& bytes) {
  bytes.resize((bytes.size() + kBlock - 1) / kBlock * kBlock, '\0');
}

std::string header_of(const TarMember& member) {
  std::string block(kBlock, '\0');
  put(block, 0, 100, member.name);
  put_number(block, 100, 8, member.mode);
  put_number(block, 108, 8, member.uid);
  put_number(block, 116, 8, member.gid);
  put_number(block, 124, 12,
             static_cast<std::int64_t>(member.declared_size.value_or(member.content.size())));
  put_number(block, 136, 12, member.mtime);
  block[156] = member.type;
  put(block, 157, 100, member.link_name);
  put(block, 257, 8, member.magic);
  if (member.magic.starts_with("ustar")) {
    put_number(block, 329, 8, member.device_major);
    put_number(block, 337, 8, member.device_minor);
    put(block, 345, 155, member.prefix);
  }
  put(block, kChecksumAt, 8, "        ");
  unsigned sum = member.bad_checksum ? 1 : 0;
  for (const char c : block) {
    sum += static_cast<unsigned char>(c);
  }
  put(block, kChecksumAt, 8, fmt::format("{:06o}", sum) + '\0' + ' ');
  return block;
}

TarMember own(const std::string& name, char type) {
  TarMember member{.name = name, .type = type};
  member.uid = ::geteuid();
  member.gid = ::getegid();
  return member;
}

} // namespace

std::string pax_record(const std::string& key, const std::string& value) {
  const std::size_t fixed = key.size() + value.size() + 3;
  std::size_t length = fixed + 1;
  while (length != fixed + std::to_string(length).size()) {
    ++length;
  }
  return fmt::format("{} {}={}\n", length, key, value);
}

TarBuilder& TarBuilder::add(const TarMember& member) {
  if (!member.pax.empty()) {
    pax(member.pax);
  }
  bytes_ += header_of(member);
  bytes_ += member.content;
  pad(bytes_);
  return *this;
}

TarBuilder& TarBuilder::file(const std::string& name, std::string content, std::uint32_t mode) {
  TarMember member = own(name, '0');
  member.content = std::move(content);
  member.mode = mode;
  return add(member);
}

TarBuilder& TarBuilder::directory(const std::string& name, std::uint32_t mode) {
  TarMember member = own(name, '5');
  member.mode = mode;
  return add(member);
}

TarBuilder& TarBuilder::symlink(const std::string& name, const std::string& target) {
  TarMember member = own(name, '2');
  member.link_name = target;
  member.mode = 0777;
  return add(member);
}

TarBuilder& TarBuilder::hard_link(const std::string& name, const std::string& target) {
  TarMember member = own(name, '1');
  member.link_name = target;
  return add(member);
}

TarBuilder& TarBuilder::whiteout(const std::string& name) {
  const std::size_t base = name.rfind('/') + 1; // 0 where there is no slash
  return file(name.substr(0, base) + ".wh." + name.substr(base), "", 0);
}

TarBuilder& TarBuilder::opaque(const std::string& dir) {
  return file((dir.empty() ? "" : dir + "/") + ".wh..wh..opq", "", 0);
}

TarBuilder& TarBuilder::char_device(const std::string& name, std::uint32_t major,
                                    std::uint32_t minor) {
  TarMember member = own(name, '3');
  member.device_major = major;
  member.device_minor = minor;
  return add(member);
}

TarBuilder& TarBuilder::fifo(const std::string& name) {
  return add(own(name, '6'));
}

TarBuilder& TarBuilder::pax(const PaxList& records, char type) {
  TarMember header{.name = type == 'g' ? "pax_global_header" : "PaxHeaders.0/member", .type = type};
  for (const auto& [key, value] : records) {
    header.content += pax_record(key, value);
  }
  return add(header);
}

TarBuilder& TarBuilder::long_name(const std::string& name, char type) {
  TarMember header{.name = "././@LongLink", .type = type};
  header.content = name + '\0';
  header.magic = std::string("ustar  \0", 8);
  return add(header);
}

TarBuilder& TarBuilder::raw(std::string_view bytes) {
  bytes_ += bytes;
  return *this;
}

std::string TarBuilder::finish() const {
  return bytes_ + std::string(2 * kBlock, '\0');
}

} // namespace dind::test
