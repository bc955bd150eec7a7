#include <fuzz/checksums.hpp>

#include <fmt/format.h>

namespace dind::fuzz {

std::string with_checksums(std::string tar) {
  constexpr std::size_t kBlock = 512;
  for (std::size_t at = 0; at + kBlock <= tar.size(); at += kBlock) {
    if (tar.compare(at + 257, 5, "ustar") != 0) {
      continue;
    }
    tar.replace(at + 148, 8, 8, ' ');
    unsigned sum = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
      sum += static_cast<unsigned char>(tar[at + i]);
    }
    tar.replace(at + 148, 7, fmt::format("{:06o}", sum) + '\0');
  }
  return tar;
}

} // namespace dind::fuzz
