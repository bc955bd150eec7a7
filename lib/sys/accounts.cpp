#include <sys/accounts.hpp>

#include <sys/file.hpp>

#include <algorithm>
#include <sstream>

namespace dind::sys {
namespace {

constexpr std::size_t kFileLimit = 1U << 20U;

std::string text_of(const char* path) {
  auto text = read_file(path, kFileLimit);
  return text ? std::move(text).value() : "";
}

using Fields = std::vector<std::string>;

// Of all of them the first three fields matter.
std::vector<Fields> lines_of(std::string_view text) {
  std::vector<Fields> all;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    Fields fields;
    std::istringstream parts(line);
    for (std::string field; std::getline(parts, field, ':');) {
      fields.push_back(field);
    }
    if (fields.size() >= 3 && !line.starts_with('#')) {
      all.push_back(std::move(fields));
    }
  }
  return all;
}

bool is_number(std::string_view text) {
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

} // namespace

std::string read_passwd() {
  return text_of("/etc/passwd");
}

std::string read_subuid() {
  return text_of("/etc/subuid");
}

std::string read_subgid() {
  return text_of("/etc/subgid");
}

std::optional<User> find_user(std::string_view passwd, std::string_view name_or_uid) {
  for (const Fields& line : lines_of(passwd)) {
    if (line[0] == name_or_uid || (is_number(name_or_uid) && line[2] == name_or_uid)) {
      return User{line[0], line[2]};
    }
  }
  return std::nullopt;
}

std::vector<Fields> subordinate_lines(std::string_view text, const User& user) {
  std::vector<Fields> lines = lines_of(text);
  std::erase_if(lines, [&](const Fields& line) {
    return line[0].empty() || (line[0] != user.name && line[0] != user.uid);
  });
  return lines;
}

} // namespace dind::sys
