#include <base/base64.hpp>

#include <array>
#include <cstdint>

namespace dind {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 64;

constexpr std::array<std::uint8_t, 256> make_digits() {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    digits[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return digits;
}

constexpr auto kDigits = make_digits();

} // namespace

std::string base64_encode(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4, '=');
  char* out = text.data();
  const auto byte = [&bytes](std::size_t i) {
    return std::uint32_t{static_cast<unsigned char>(bytes[i])};
  };
  std::size_t at = 0;
  for (; at + 3 <= bytes.size(); at += 3) {
    const std::uint32_t group = byte(at) << 16U | byte(at + 1) << 8U | byte(at + 2);
    *out++ = kAlphabet[group >> 18U];
    *out++ = kAlphabet[group >> 12U & 63U];
    *out++ = kAlphabet[group >> 6U & 63U];
    *out++ = kAlphabet[group & 63U];
  }
  const std::size_t rest = bytes.size() - at;
  if (rest != 0) {
    const std::uint32_t group = byte(at) << 16U | (rest == 2 ? byte(at + 1) << 8U : 0U);
    *out++ = kAlphabet[group >> 18U];
    *out++ = kAlphabet[group >> 12U & 63U];
    if (rest == 2) {
      *out++ = kAlphabet[group >> 6U & 63U];
    }
  }
  return text;
}

Result<std::string> base64_decode(std::string_view text) {
  const auto refuse = []() { return input_error("not base64"); };
  if (text.size() % 4 != 0) {
    return refuse();
  }
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  const std::size_t whole = text.size() / 4 - (padding != 0 ? 1 : 0);
  std::string bytes(text.size() / 4 * 3 - padding, '\0');
  char* out = bytes.data();
  const auto digit = [&text](std::size_t i) {
    return std::uint32_t{kDigits[static_cast<unsigned char>(text[i])]};
  };
  std::uint32_t all = 0; // a branch for each digit would halve the speed
  for (std::size_t at = 0; at < 4 * whole; at += 4) {
    const std::uint32_t a = digit(at);
    const std::uint32_t b = digit(at + 1);
    const std::uint32_t c = digit(at + 2);
    const std::uint32_t d = digit(at + 3);
    all |= a | b | c | d;
    const std::uint32_t group = a << 18U | b << 12U | c << 6U | d;
    *out++ = static_cast<char>(group >> 16U & 0xffU);
    *out++ = static_cast<char>(group >> 8U & 0xffU);
    *out++ = static_cast<char>(group & 0xffU);
  }
  if (padding != 0) {
    const std::uint32_t a = digit(4 * whole);
    const std::uint32_t b = digit(4 * whole + 1);
    const std::uint32_t c = padding == 1 ? digit(4 * whole + 2) : 0;
    all |= a | b | c;
    const std::uint32_t group = a << 18U | b << 12U | c << 6U;
    *out++ = static_cast<char>(group >> 16U & 0xffU);
    if (padding == 1) {
      *out++ = static_cast<char>(group >> 8U & 0xffU);
    }
  }
  return (all & kNoDigit) != 0 ? Result<std::string>(refuse()) : std::move(bytes);
}

} // namespace dind
