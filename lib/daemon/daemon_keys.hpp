#pragma once

#include <base/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace dind::daemon {

// A key of daemon.json that no engine has known so far.
struct UnknownKey {
  std::string key;
  std::string_view meant; // a known one that it resembles, or ""
};

// The keys that engines from 20.10 on do not know. As dockerd does, looks into objects that are not
// themselves a setting: {"anything": {"debug": true}} sets "debug".
std::vector<UnknownKey> unknown_keys(const json::object& settings);

// Whether dockerd's own list of its options (`dockerd --help`) has one for `key`. For keys that
// came after this program.
bool help_has_key(std::string_view help, std::string_view key);

} // namespace dind::daemon
