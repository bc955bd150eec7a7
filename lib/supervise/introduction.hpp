#pragma once

#include <supervise/hooks.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace dind::supervise {

// What is found out and done between dockerd's READY and the boot's own: the hooks run, then
// the engine tells what it is.
struct Introduction {
  std::string engine; // version; empty if it did not answer
  std::string driver;
  std::vector<std::string> failures; // of hooks, one line each
};

// Blocks, so it is for a child. `api` is the path of the engine's socket, or empty.
Introduction introduce(const std::string& api, const HookSetting& hooks);

// One line a fact, for the way from child to parent.
std::string print_introduction(const Introduction& introduction);
Introduction parse_introduction(std::string_view text);

} // namespace dind::supervise
