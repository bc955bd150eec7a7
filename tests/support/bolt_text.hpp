#pragma once

#include <bolt/bucket.hpp>

#include <string>

namespace dind::test {

// A bucket and all below it, one line for each key: its path in hex digits, and its value or its
// sequence. support/boltprobe writes the same of a file by bbolt itself.
Result<std::string> bolt_text(const bolt::Bucket& bucket, const std::string& path = "");

// The same of the database at `name` in `dir`.
Result<std::string> bolt_text_of(const Fd& dir, const std::string& name);

std::string hex_of(std::string_view bytes);

} // namespace dind::test
