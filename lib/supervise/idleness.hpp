#pragma once

#include <chrono>
#include <string>

namespace dind::supervise {

struct IdleRequest {
  std::string api;                 // path of the engine's socket; without one it is never idle
  std::string ignored;             // containers with this label do not count
  std::chrono::milliseconds quiet; // how long the engine must have been idle
};

// Why an engine that `wait_until_idle` has found idle stops: one line for the log.
std::string idle_for(std::chrono::seconds quiet, const std::string& ignored);

// Blocks until no container has run, no build or other request has been served and no event
// has happened for as long as wished. An engine that does not answer is not idle. What
// holds it up goes to the log when it changes.
void wait_until_idle(const IdleRequest& request);

} // namespace dind::supervise
