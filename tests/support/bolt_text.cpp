#include <support/bolt_text.hpp>

#include <fmt/format.h>

namespace dind::test {

std::string hex_of(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char byte : bytes) {
    hex += kDigits[static_cast<unsigned char>(byte) >> 4U];
    hex += kDigits[static_cast<unsigned char>(byte) & 15U];
  }
  return hex;
}

Result<std::string> bolt_text(const bolt::Bucket& bucket, const std::string& path) {
  std::string text = fmt::format("{}/ {}\n", path, bucket.sequence());
  const auto describe = [&](const bolt::Item& item) -> Result<void> {
    const std::string below = path + "/" + hex_of(item.key);
    if (item.kind == bolt::ItemKind::value) {
      text += fmt::format("{} = {}\n", below, hex_of(item.value));
      return {};
    }
    const bolt::Bucket child = TRY(bucket.child(item));
    text += TRY(bolt_text(child, below));
    return {};
  };
  TRY(bucket.each(describe));
  return text;
}

Result<std::string> bolt_text_of(const Fd& dir, const std::string& name) {
  const auto database = TRY(bolt::Database::open(dir, name, bolt::Database::Access::read));
  return bolt_text(bolt::Bucket::root_of(database));
}

} // namespace dind::test
