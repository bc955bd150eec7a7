#include "settings.hpp"

#include <boot/variables.hpp>

#include <unistd.h>

#include <vector>

namespace dind::ctl {

Result<Wishes> wishes_of_environment(const std::string& data_root) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry; ++entry) {
    environment.emplace_back(*entry);
  }
  Wishes wishes = TRY(boot::read_wishes(environment));
  if (!data_root.empty()) {
    wishes.data_root = data_root;
  }
  return wishes;
}

} // namespace dind::ctl
