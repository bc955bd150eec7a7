#include <tar_split/reader.hpp>

#include <archive/read_buffer.hpp>
#include <base/base64.hpp>
#include <base/json.hpp>

#include <charconv>

namespace dind::tar_split {
namespace {

constexpr std::size_t kMaxLine = 8U << 20U;

// One line's members.
struct Line {
  std::int64_t type = 0;
  std::int64_t size = 0;
  std::int64_t position = 0;
  std::string name;
  std::string name_raw;                    // base64
  std::optional<std::string_view> payload; // base64
};

std::size_t find_unescaped_quote(std::string_view text) {
  std::size_t at = text.find_first_of("\"\\");
  while (at != std::string_view::npos && text[at] != '"') {
    at = text.find_first_of("\"\\", at + 2);
  }
  return at;
}

// Reads one flat JSON object of strings, integers and nulls, which is all that
// tar-split has. A general parser would cost more than all other work on a line.
class LineParser {
public:
  explicit LineParser(std::string_view line) : rest_(line) {}

  Result<Line> parse();

private:
  bool take(char c);
  Result<std::string_view> take_raw_string();
  Result<std::string> take_string();
  Result<std::int64_t> take_integer();
  Result<void> take_member(Line& line);

  std::string_view rest_;
};

bool LineParser::take(char c) {
  while (!rest_.empty() &&
         (rest_.front() == ' ' || rest_.front() == '\t' || rest_.front() == '\r')) {
    rest_.remove_prefix(1);
  }
  if (rest_.empty() || rest_.front() != c) {
    return false;
  }
  rest_.remove_prefix(1);
  return true;
}

// The inside of a string with its escapes, without the quotes.
Result<std::string_view> LineParser::take_raw_string() {
  if (!take('"')) {
    return input_error("a string is expected");
  }
  std::size_t end = rest_.find('"');
  // Almost no string has escapes, so they are looked for afterwards.
  if (rest_.substr(0, end).find('\\') != std::string_view::npos) {
    end = find_unescaped_quote(rest_);
  }
  if (end == std::string_view::npos) {
    return input_error("a string does not end");
  }
  const std::string_view inside = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  return inside;
}

Result<std::string> LineParser::take_string() {
  const std::string_view raw = TRY(take_raw_string());
  if (raw.find('\\') == std::string_view::npos) {
    return std::string(raw);
  }
  const json::value text = TRY(json::parse(fmt::format("[\"{}\"]", raw)));
  return std::string(text.as_array().front().as_string());
}

Result<std::int64_t> LineParser::take_integer() {
  std::ignore = take(' ');
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(rest_.begin(), rest_.end(), value);
  if (failure != std::errc()) {
    return input_error("an integer is expected");
  }
  rest_.remove_prefix(static_cast<std::size_t>(end - rest_.begin()));
  return value;
}

Result<void> LineParser::take_member(Line& line) {
  const std::string_view key = TRY(take_raw_string());
  if (!take(':')) {
    return input_error("a colon is expected");
  }
  std::ignore = take(' ');
  if (key == "payload") {
    if (rest_.starts_with("null")) {
      rest_.remove_prefix(4);
    } else {
      line.payload = TRY(take_raw_string());
    }
  } else if (key == "name") {
    line.name = TRY(take_string());
  } else if (key == "name_raw") {
    line.name_raw = TRY(take_raw_string());
  } else if (key == "type") {
    line.type = TRY(take_integer());
  } else if (key == "size") {
    line.size = TRY(take_integer());
  } else if (key == "position") {
    line.position = TRY(take_integer());
  } else {
    return input_error("a member \"{}\" is unknown", key.substr(0, 40));
  }
  return {};
}

Result<Line> LineParser::parse() {
  Line line;
  if (!take('{')) {
    return input_error("an object is expected");
  }
  do {
    TRY(take_member(line));
  } while (take(','));
  if (!take('}') || rest_.find_first_not_of(" \t\r") != std::string_view::npos) {
    return input_error("the object does not end");
  }
  return line;
}

Result<Item> to_segment(const Line& line) {
  return Item(Segment{TRY(base64_decode(line.payload.value_or("")))});
}

Result<Item> to_file(Line line) {
  File file;
  file.name = std::move(line.name);
  if (!line.name_raw.empty()) {
    file.name = TRY(base64_decode(line.name_raw));
  }
  if (line.size < 0) {
    return input_error("a size is negative");
  }
  file.size = static_cast<std::uint64_t>(line.size);
  const std::string checksum = TRY(base64_decode(line.payload.value_or("")));
  if (checksum.size() != (file.size == 0 ? 0 : sizeof file.crc64)) {
    return input_error("a checksum of {} bytes", checksum.size());
  }
  for (const char byte : checksum) {
    file.crc64 = file.crc64 << 8U | static_cast<unsigned char>(byte);
  }
  return Item(std::move(file));
}

Result<Item> to_item(std::string_view text, std::uint64_t position) {
  Line line = TRY(LineParser(text).parse());
  if (line.position < 0 || static_cast<std::uint64_t>(line.position) != position) {
    return input_error("position {} is out of order", line.position);
  }
  switch (line.type) {
  case 1:
    return to_file(std::move(line));
  case 2:
    return to_segment(line);
  default:
    return input_error("type {} is unknown", line.type);
  }
}

} // namespace

struct Reader::State {
  State(archive::ByteSource& json, std::uint64_t first) : input(json), position(first) {}

  Result<std::optional<std::string_view>> read_line();

  archive::ReadBuffer input;
  std::size_t used = 0; // of the input, by the line handed out last
  std::string joined;   // a line that is in more than one piece
  std::uint64_t position;
};

// The next line without its newline. It stays valid until the next call.
Result<std::optional<std::string_view>> Reader::State::read_line() {
  joined.clear();
  for (;;) {
    input.use(std::exchange(used, 0));
    const std::span<const std::byte> bytes = TRY(input.peek_some(archive::kReadSize));
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::size_t newline = text.find('\n');
    const std::string_view piece = text.substr(0, newline);
    used = piece.size() + (newline == std::string_view::npos ? 0 : 1);
    if (joined.size() + piece.size() > kMaxLine) {
      return input_error("a line is longer than {} bytes", kMaxLine);
    }
    if (newline != std::string_view::npos && joined.empty()) {
      return std::optional(piece);
    }
    joined += piece;
    if (newline != std::string_view::npos) {
      return std::optional<std::string_view>(joined);
    }
    if (bytes.empty()) { // the last newline may be missing
      return joined.empty() ? std::optional<std::string_view>() : std::string_view(joined);
    }
  }
}

Reader::Reader(archive::ByteSource& json, std::uint64_t position)
    : state_(std::make_unique<State>(json, position)) {}

Reader::~Reader() = default;

std::uint64_t Reader::offset() const {
  return state_->input.offset() + state_->used;
}

std::uint64_t Reader::position() const {
  return state_->position;
}

Result<std::optional<Item>> Reader::next() {
  const std::optional<std::string_view> line = TRY(state_->read_line());
  if (!line) {
    return std::optional<Item>();
  }
  const std::uint64_t position = state_->position++;
  auto item = to_item(*line, position);
  if (!item) {
    return std::move(item).error().within(fmt::format("tar-split, line {}", position + 1));
  }
  return std::optional(std::move(item).value());
}

} // namespace dind::tar_split
