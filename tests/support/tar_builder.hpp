#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dind::test {

using PaxList = std::vector<std::pair<std::string, std::string>>;

// One member, field by field; nothing is checked, so that it can be as wrong as a
// test needs it.
struct TarMember {
  std::string name;
  char type = '0';
  std::string content = {};
  std::uint32_t mode = 0644;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime = 1'000'000'000;
  std::string link_name = {};
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  PaxList pax = {};                                // an extended header in front
  std::optional<std::uint64_t> declared_size = {}; // instead of the content's
  std::string prefix = {};                         // of ustar
  std::string magic = std::string("ustar\00000", 8);
  bool bad_checksum = false;
};

// Writes a tar member by member. Names that do not fit are cut: say them by `pax`
// or `long_name`.
class TarBuilder {
public:
  TarBuilder& add(const TarMember& member);

  // Owned by the calling user, so that no privilege is needed to unpack them.
  TarBuilder& file(const std::string& name, std::string content, std::uint32_t mode = 0644);
  TarBuilder& directory(const std::string& name, std::uint32_t mode = 0755);
  TarBuilder& symlink(const std::string& name, const std::string& target);
  TarBuilder& hard_link(const std::string& name, const std::string& target);
  TarBuilder& whiteout(const std::string& name); // "a/b" becomes "a/.wh.b"
  TarBuilder& opaque(const std::string& dir);
  TarBuilder& char_device(const std::string& name, std::uint32_t major, std::uint32_t minor);
  TarBuilder& fifo(const std::string& name);

  TarBuilder& pax(const PaxList& records, char type = 'x');        // 'g' is global
  TarBuilder& long_name(const std::string& name, char type = 'L'); // 'K' for a link's target
  TarBuilder& raw(std::string_view bytes);

  // With the two zero blocks of the end, or as it stands.
  std::string finish() const;
  const std::string& bytes() const { return bytes_; }

private:
  std::string bytes_;
};

// "<length> <key>=<value>\n".
std::string pax_record(const std::string& key, const std::string& value);

} // namespace dind::test
