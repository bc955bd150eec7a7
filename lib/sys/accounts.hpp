#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dind::sys {

// The account files of an image, by what they say: no NSS in a static program. What cannot be read
// is as empty.
std::string read_passwd();
std::string read_subuid();
std::string read_subgid();

struct User {
  std::string name;
  std::string uid; // as /etc/passwd writes it
};

// Of /etc/passwd, "name:password:uid:...": the first one that is called so, or has the number.
std::optional<User> find_user(std::string_view passwd, std::string_view name_or_uid);

// The fields, at least three, of a user's lines in /etc/subuid or /etc/subgid, "who:from:how many"
// (subuid(5)), where `who` is a name or a number.
std::vector<std::vector<std::string>> subordinate_lines(std::string_view text, const User& user);

} // namespace dind::sys
