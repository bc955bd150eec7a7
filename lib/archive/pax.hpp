#pragma once

#include <base/result.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace dind::archive {

// The records of one PAX extended header; of a key that occurs twice the last.
// The repeated GNU.sparse.offset and .numbytes of sparse format 0.0 are one
// GNU.sparse.map, as in format 0.1.
using PaxRecords = std::map<std::string, std::string, std::less<>>;

// Reads "<length> <key>=<value>\n"… as Go's archive/tar does: values are raw
// bytes, but names must not hold NUL.
Result<PaxRecords> parse_pax(std::string_view body);

// The value, or nothing where the record is absent or empty, which POSIX takes
// for absent.
std::string_view find_pax(const PaxRecords& records, std::string_view key);

// "<seconds>[.<fraction>]", maybe negative. The nanoseconds count upwards from
// the seconds, which are rounded down; digits behind the ninth are dropped.
struct PaxTime {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
};
Result<PaxTime> parse_pax_time(std::string_view text);

} // namespace dind::archive
