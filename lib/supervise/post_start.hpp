#pragma once

#include <supervise/hooks.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace dind::supervise {

// What is found out and done between dockerd's READY and the boot's own: the hooks run, then
// the engine tells what it is.
struct PostStart {
  std::string engine; // version; empty if it did not answer
  std::string driver;
  std::string store;                 // "graph" or "containerd", as status.json has it; likewise
  std::vector<std::string> failures; // of hooks, one line each
};

// Blocks, so it is for a child. `api` is the path of the engine's socket, or empty.
PostStart run_post_start(const std::string& api, const HookSetting& hooks);

// One line a fact, for the way from child to parent.
std::string print_post_start(const PostStart& post_start);
PostStart parse_post_start(std::string_view text);

} // namespace dind::supervise
