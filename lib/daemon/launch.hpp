#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <daemon/argv.hpp>
#include <daemon/daemon_json.hpp>
#include <daemon/environment.hpp>
#include <daemon/listeners.hpp>

#include <boost/filesystem/path.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace dind::daemon {

// How dockerd was asked for.
struct Invocation {
  std::vector<std::string> arguments; // of dockerd, without "dockerd" itself
  bool default_listeners = true;      // not where the user wrote "dockerd ..." in full
  Environment environment;            // as inherited
};

// Everything needed to start dockerd.
struct Launch {
  std::vector<std::string> argv; // "dockerd" first, to be looked up in PATH
  Environment environment;
  std::vector<Fd> sockets;   // listeners that dockerd finds by "fd://", in the order of LISTEN_FDS
  std::string api;           // path of the unix socket that serves the API; empty if there is none
  bool file_written = false; // an effective daemon.json was put in place
  std::vector<std::string> warnings; // one line each
};

// Composes argv and environment and, if something has to be added to the user's
// daemon.json, writes `runtime_dir`/daemon.json (with the mode of theirs, or 0644) and bind-mounts
// it over the user's path, so that clients read what dockerd reads. Where nothing can be
// mounted, --config-file points dockerd there instead. The user's file is never
// written; if the default one is missing, an empty object is made to mount on.
Result<Launch> configure(const Invocation& invocation, const CommandLine& flags,
                         const DaemonFile& file, const EngineChoice& choice,
                         const ListenerPlan& listeners, const fs::path& runtime_dir,
                         std::string_view notify_socket);

// The same daemon before clients can reach it: its one listener, its pid file and its
// daemon.json, which has no hosts, are in `dir`, a directory of mode 0700. It starts no
// container, whatever their restart policy.
Result<Launch> configure_private(const Invocation& invocation, const CommandLine& flags,
                                 const DaemonFile& file, const EngineChoice& choice,
                                 const fs::path& dir, std::string_view notify_socket);

} // namespace dind::daemon
