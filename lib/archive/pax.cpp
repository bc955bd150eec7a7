#include <archive/pax.hpp>

#include <archive/tar_header.hpp>

#include <algorithm>
#include <limits>

namespace dind::archive {
namespace {

constexpr std::size_t kShortestRecord = 5;
constexpr std::size_t kNanosecondDigits = 9;
constexpr std::int64_t kNanoseconds = 1'000'000'000;

struct Record {
  std::string_view key;
  std::string_view value;
};

Error malformed() {
  return input_error("a PAX record is malformed");
}

bool is_text_field(std::string_view key) {
  return key == "path" || key == "linkpath" || key == "uname" || key == "gname";
}

// Takes one record off the front of `body`.
Result<Record> take_record(std::string_view& body) {
  const std::size_t blank = body.find(' ');
  if (blank == std::string_view::npos) {
    return malformed();
  }
  const auto length = parse_decimal(body.substr(0, blank));
  if (!length || *length < static_cast<std::int64_t>(kShortestRecord) ||
      static_cast<std::uint64_t>(*length) > body.size()) {
    return malformed();
  }
  const auto size = static_cast<std::size_t>(*length);
  if (size < blank + 2 || body[size - 1] != '\n') {
    return malformed();
  }
  const std::string_view text = body.substr(blank + 1, size - blank - 2);
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return malformed();
  }
  const Record record{text.substr(0, equals), text.substr(equals + 1)};
  const std::string_view checked = is_text_field(record.key) ? record.value : record.key;
  if (checked.find('\0') != std::string_view::npos) {
    return input_error("a PAX record holds a NUL");
  }
  body.remove_prefix(size);
  return record;
}

} // namespace

Result<PaxRecords> parse_pax(std::string_view body) {
  PaxRecords records;
  std::string sparse_map; // "offset,size,offset,size"
  std::size_t sparse_numbers = 0;
  while (!body.empty()) {
    const Record record = TRY(take_record(body));
    const bool is_offset = record.key == "GNU.sparse.offset";
    if (!is_offset && record.key != "GNU.sparse.numbytes") {
      records.insert_or_assign(std::string(record.key), record.value);
      continue;
    }
    const bool wants_offset = sparse_numbers % 2 == 0;
    if (is_offset != wants_offset || record.value.find(',') != std::string_view::npos) {
      return input_error("the sparse map is out of order");
    }
    sparse_map.append(sparse_numbers == 0 ? "" : ",").append(record.value);
    ++sparse_numbers;
  }
  if (sparse_numbers != 0) {
    records.insert_or_assign("GNU.sparse.map", std::move(sparse_map));
  }
  return records;
}

std::string_view find_pax(const PaxRecords& records, std::string_view key) {
  const auto found = records.find(key);
  return found == records.end() ? std::string_view() : std::string_view(found->second);
}

Result<PaxTime> parse_pax_time(std::string_view text) {
  const std::size_t point = text.find('.');
  const std::int64_t seconds = TRY(parse_decimal(text.substr(0, point)));
  if (point == std::string_view::npos) {
    return PaxTime{seconds, 0};
  }
  std::string fraction(text.substr(point + 1));
  const bool digits =
      std::all_of(fraction.begin(), fraction.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) {
    return input_error("\"{}\" is not a time", text.substr(0, 40));
  }
  fraction.resize(kNanosecondDigits, '0');
  const std::int64_t nanoseconds = TRY(parse_decimal(fraction));
  if (text.front() != '-' || nanoseconds == 0) {
    return PaxTime{seconds, static_cast<std::uint32_t>(nanoseconds)};
  }
  if (seconds == std::numeric_limits<std::int64_t>::min()) {
    return input_error("\"{}\" is out of range", text.substr(0, 40));
  }
  return PaxTime{seconds - 1, static_cast<std::uint32_t>(kNanoseconds - nanoseconds)};
}

} // namespace dind::archive
