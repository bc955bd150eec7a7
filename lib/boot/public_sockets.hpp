#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <daemon/listeners.hpp>
#include <seed/plan.hpp>
#include <config/settings.hpp>

#include <sys/types.h>

#include <string>
#include <vector>

namespace dind::boot {

// Whether seeding by this plan takes no time that a client would notice: nothing is copied or
// loaded.
bool is_instant(const seed::SeedPlan& plan);

// The listeners for clients, ours from the first moment of the boot until dockerd serves them.
// TCP ports are bound at once, so that one that is taken is known before anything is done; what was
// left behind of unix sockets is removed. Clients can connect from `listen` on, and wait then.
class PublicSockets {
public:
  // With Activate::early, listens as well, but for sockets in /tmp: preparing the host may
  // mount a tmpfs there. An error tells people what is in the way.
  static Result<PublicSockets> claim(const daemon::ListenerPlan& plan, config::Activate when);

  ~PublicSockets(); // closes them and removes their files, if they were not handed over
  PublicSockets(PublicSockets&&) = default;
  PublicSockets& operator=(PublicSockets&&) = delete;

  // Listens, in time for clients that come while seeding by this plan, if they may. What fails
  // here fails again at `hand_over`, and counts then.
  void listen_before(const seed::SeedPlan& plan);

  // All of them, listening, in the order of the plan.
  Result<std::vector<Fd>> hand_over();

private:
  struct Socket {
    daemon::HostAddress at;
    Fd fd; // a unix socket has none before it listens
  };

  enum class Where { everywhere, outside_tmp };

  PublicSockets(config::Activate when, gid_t group) : when_(when), group_(group) {}
  Result<void> listen(Where where);

  config::Activate when_;
  gid_t group_; // of unix sockets
  std::vector<Socket> sockets_;
};

} // namespace dind::boot
