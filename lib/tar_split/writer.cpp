#include <tar_split/writer.hpp>

#include <archive/member_path.hpp>
#include <base/base64.hpp>
#include <base/utf8.hpp>
#include <tar_split/crc64.hpp>

#include <unordered_set>

namespace dind::tar_split {
namespace {

constexpr std::size_t kOutputSize = 64U << 10U;
// No header is larger, only the data of raw members.
constexpr std::size_t kMaxSegment = 4U << 20U;
// What follows the end of the archive; dockerd reads it in pieces of this size.
constexpr std::size_t kMaxTrailer = 1U << 20U;

// As Go's encoding/json escapes: what HTML or JavaScript could misread, too.
void append_escaped(std::string& text, std::string_view name) {
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    switch (c) {
    case '"':
    case '\\':
      text.append(1, '\\').append(1, c);
      continue;
    case '\b':
      text += "\\b";
      continue;
    case '\f':
      text += "\\f";
      continue;
    case '\n':
      text += "\\n";
      continue;
    case '\r':
      text += "\\r";
      continue;
    case '\t':
      text += "\\t";
      continue;
    default:
      break;
    }
    const std::string_view separator = name.substr(i, 3);
    if (static_cast<unsigned char>(c) < 0x20 || c == '<' || c == '>' || c == '&') {
      fmt::format_to(std::back_inserter(text), "\\u{:04x}", static_cast<unsigned>(c));
    } else if (separator == "\xe2\x80\xa8" || separator == "\xe2\x80\xa9") { // U+2028, U+2029
      fmt::format_to(std::back_inserter(text), "\\u202{:x}",
                     static_cast<unsigned>(separator[2]) & 0xfU);
      i += 2;
    } else {
      text += c;
    }
  }
}

void append_number(std::string& text, std::uint64_t number) {
  const fmt::format_int digits(number);
  text.append(digits.data(), digits.size());
}

} // namespace

struct Writer::State {
  explicit State(Output to) : output(std::move(to)) {}

  Result<void> write_segment();
  Result<void> write_file();
  Result<void> end_line();

  Output output;
  std::string text;    // JSON that is not handed out yet
  std::string segment; // raw bytes that are not written yet
  std::uint64_t position = 0;
  bool trailing = false;
  bool in_payload = false; // a file's line waits for its checksum
  std::string name;
  std::uint64_t size = 0;
  Crc64Iso checksum;
  std::unordered_set<std::string> seen;
};

Result<void> Writer::State::end_line() {
  text += ",\"position\":";
  append_number(text, position++);
  text += "}\n";
  if (text.size() >= kOutputSize) {
    TRY(output(text));
    text.clear();
  }
  return {};
}

Result<void> Writer::State::write_segment() {
  if (segment.empty()) {
    return {};
  }
  text += "{\"type\":2,\"payload\":\"";
  text += base64_encode(segment);
  text += '"';
  segment.clear();
  return end_line();
}

Result<void> Writer::State::write_file() {
  in_payload = false;
  text += "{\"type\":1";
  if (!is_utf8(name)) {
    text += ",\"name_raw\":\"";
    text += base64_encode(name);
    text += '"';
  } else if (!name.empty()) {
    text += ",\"name\":\"";
    append_escaped(text, name);
    text += '"';
  }
  if (size == 0) {
    text += ",\"payload\":null";
    return end_line();
  }
  text += ",\"size\":";
  append_number(text, size);
  std::string big_endian;
  for (unsigned shift = 64; shift != 0; shift -= 8) {
    big_endian += static_cast<char>(checksum.value() >> (shift - 8) & 0xffU);
  }
  text += ",\"payload\":\"";
  text += base64_encode(big_endian);
  text += '"';
  return end_line();
}

Writer::Writer(Output output) : state_(std::make_unique<State>(std::move(output))) {}

Writer::~Writer() = default;

Result<void> Writer::raw(std::span<const std::byte> bytes) {
  State& state = *state_;
  if (state.in_payload) {
    TRY(state.write_file());
  }
  const std::size_t limit = state.trailing ? kMaxTrailer : kMaxSegment;
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(bytes.size(), limit - state.segment.size()));
    state.segment.append(reinterpret_cast<const char*>(part.data()), part.size());
    bytes = bytes.subspan(part.size());
    if (state.segment.size() == limit) {
      TRY(state.write_segment());
    }
  }
  return {};
}

Result<void> Writer::member(const archive::TarEntry& entry) {
  State& state = *state_;
  if (!state.seen.insert(archive::lexically_clean(entry.name)).second) {
    return input_error("duplicate entry {}", printable(entry.name));
  }
  TRY(state.write_segment());
  state.name = entry.name;
  state.size = entry.raw ? 0 : entry.size;
  state.checksum = Crc64Iso();
  state.in_payload = true;
  return state.size == 0 ? state.write_file() : Result<void>();
}

Result<void> Writer::payload(std::span<const std::byte> bytes) {
  state_->checksum.update(bytes);
  return {};
}

Result<void> Writer::end() {
  TRY(raw({}));
  TRY(state_->write_segment());
  state_->trailing = true;
  return {};
}

Result<void> Writer::finish() {
  TRY(end());
  if (!state_->text.empty()) {
    TRY(state_->output(state_->text));
    state_->text.clear();
  }
  return {};
}

} // namespace dind::tar_split
