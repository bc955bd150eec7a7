#pragma once

#include <base/result.hpp>

#include <time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dind::containerd {

// How containerd writes what is no text (Go's encoding/binary and time.MarshalBinary).

// Sizes, counts and versions: zigzag varints. What no int64 holds, or a negative one, is an error.
std::string encode_size(std::uint64_t size);
Result<std::uint64_t> decode_size(std::string_view bytes);

// The numbers of snapshots: plain varints.
std::string encode_id(std::uint64_t id);
Result<std::uint64_t> decode_id(std::string_view bytes);

// In UTC.
std::string encode_time(timespec time);

// The key in `parents` of a snapshot that stands on another.
std::string encode_parenthood(std::uint64_t parent, std::uint64_t child);

// Of meta.db's schema (containerd's core/metadata/db.go and migrations.go). 1.6 and 1.7 write 3. 2
// writes 4, which differs in where sandboxes are, and makes a 4 of a 3 when it starts: so that is
// what a new database gets.
inline constexpr std::uint64_t kNewVersion = 3;
inline constexpr std::uint64_t kLastVersion = 4;
inline constexpr std::string_view kVersionKey = "version";
Result<void> check_version(const std::optional<std::string>& encoded);

} // namespace dind::containerd
