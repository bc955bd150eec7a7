#include <host/go_build_info.hpp>

#include <sys/file.hpp>

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace dind::host {
namespace {

constexpr std::string_view kSection = ".go.buildinfo";
constexpr std::string_view kMagic = "\xff Go buildinf:";
constexpr std::size_t kFlagsAt = 15; // after the magic, and the size of a pointer
constexpr unsigned kInline = 2;      // the strings are in the section itself
constexpr std::size_t kTextAt = 32;
constexpr std::size_t kFrame = 16; // of random bytes, around the lines
constexpr std::size_t kBuildInfoLimit = 1U << 20U;

Error no_build_info() {
  return input_error("it has no build information of Go");
}

Result<std::string> bytes_at(const Fd& file, std::uint64_t offset, std::uint64_t size) {
  if (size > kBuildInfoLimit) {
    return no_build_info();
  }
  std::string bytes(size, '\0');
  const std::size_t got =
      TRY(sys::read_some_at(file, std::as_writable_bytes(std::span(bytes)), offset));
  return got == size ? Result<std::string>(std::move(bytes)) : no_build_info();
}

template <typename T>
T record_at(std::string_view bytes, std::size_t offset) {
  T record;
  std::memcpy(&record, bytes.data() + offset, sizeof(T));
  return record;
}

Result<std::string> section_of(const Fd& file) {
  const std::string head = TRY(bytes_at(file, 0, sizeof(Elf64_Ehdr)));
  const auto elf = record_at<Elf64_Ehdr>(head, 0);
  if (!head.starts_with(ELFMAG) || elf.e_ident[EI_CLASS] != ELFCLASS64 ||
      elf.e_shentsize != sizeof(Elf64_Shdr) || elf.e_shstrndx >= elf.e_shnum) {
    return no_build_info();
  }
  const std::string table =
      TRY(bytes_at(file, elf.e_shoff, std::uint64_t{elf.e_shnum} * sizeof(Elf64_Shdr)));
  const auto section = [&table](std::size_t index) {
    return record_at<Elf64_Shdr>(table, index * sizeof(Elf64_Shdr));
  };
  const auto names_section = section(elf.e_shstrndx);
  const std::string names = TRY(bytes_at(file, names_section.sh_offset, names_section.sh_size));
  const std::string wanted = std::string(kSection) + '\0';
  for (std::size_t i = 0; i < elf.e_shnum; ++i) {
    const auto found = section(i);
    if (found.sh_name < names.size() &&
        std::string_view(names).substr(found.sh_name).starts_with(wanted)) {
      return bytes_at(file, found.sh_offset, found.sh_size);
    }
  }
  return no_build_info();
}

// The string behind its length, which is a varint, at the beginning of `text`, which loses both.
std::optional<std::string_view> take_string(std::string_view& text) {
  std::uint64_t size = 0;
  for (unsigned shift = 0; shift < 35 && !text.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(text.front());
    text.remove_prefix(1);
    size |= std::uint64_t{byte & 0x7fU} << shift;
    if ((byte & 0x80U) == 0) {
      if (size > text.size()) {
        return std::nullopt;
      }
      const std::string_view found = text.substr(0, size);
      text.remove_prefix(size);
      return found;
    }
  }
  return std::nullopt;
}

} // namespace

Result<std::string> read_go_build_info(const Fd& program) {
  const std::string section = TRY(section_of(program));
  if (section.size() < kTextAt || !section.starts_with(kMagic) ||
      (static_cast<unsigned char>(section[kFlagsAt]) & kInline) == 0) {
    return no_build_info();
  }
  std::string_view rest = std::string_view(section).substr(kTextAt);
  const auto version = take_string(rest); // of Go
  const auto lines = version ? take_string(rest) : std::nullopt;
  if (!lines || lines->size() < 2 * kFrame) {
    return no_build_info();
  }
  return std::string(lines->substr(kFrame, lines->size() - 2 * kFrame));
}

} // namespace dind::host
