#pragma once

#include <base/result.hpp>
#include <daemon/exchange.hpp>

#include <boost/filesystem/path.hpp>

#include <time.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dind::daemon {

inline constexpr const char* kDefaultApiSocket = "/var/run/docker.sock";

// An image as GET /images/json lists it.
struct ImageSummary {
  std::string id;                   // "sha256:..."
  std::vector<std::string> names;   // "alpine:3.20"
  std::vector<std::string> digests; // "alpine@sha256:..."
};

// Where an engine keeps images.
struct EngineStorage {
  std::string driver;            // "overlay2"; of the containerd store its snapshotter, "overlayfs"
  bool containerd_store = false; // images are known by their manifests
};

// The socket that DOCKER_HOST names: `host` is its value, empty for the default. Only unix:// is
// spoken here.
Result<fs::path> parse_docker_host(const std::string& host);

// A minimal client of the engine's API over its unix socket. Every call is one
// connection and ends within the timeout (ETIMEDOUT); bodies are bounded (EMSGSIZE).
// A socket that no engine serves is ENOENT or ECONNREFUSED.
class EngineApi {
public:
  explicit EngineApi(fs::path socket, std::chrono::milliseconds timeout = std::chrono::seconds(5))
      : socket_(std::move(socket)), timeout_(timeout) {}

  Result<void> ping() const;             // GET /_ping
  Result<std::string> version() const;   // GET /version, "28.5.2"
  Result<EngineStorage> storage() const; // GET /info
  Result<std::vector<ImageSummary>> images() const;

  // What the engine works on. Containers with the label `ignored` ("key" or "key=value") do not
  // count; with "" all do.
  Result<std::size_t> running_containers(const std::string& ignored) const;
  Result<std::size_t> open_requests() const; // but this one, and listeners of events
  Result<bool> had_events(timespec since, timespec until, const std::string& ignored) const;

  // GET /images/NAME/json: by name, name with digest, or ID.
  Result<ImageSummary> image(const std::string& reference) const;

  // GET /images/get: the archive that `docker save` writes of an image, handed on as it comes.
  // Timeout and `interrupted` as for `load`; an error of `archive` ends the call with that error.
  Result<void> save(const std::string& reference, const BodyWriter& archive,
                    const std::function<bool()>& interrupted) const;

  // POST /images/load: hands an archive of `docker save`'s to the engine, at the engine's
  // pace, a piece in memory at a time. The timeout holds for each step, a piece written
  // or the engine's silence, not for all. An error of `archive` cuts the stream, which the engine
  // then refuses. `interrupted` is asked some times a second: true ends the call with ECANCELED.
  Result<void> load(const BodyReader& archive, const std::function<bool()>& interrupted) const;

private:
  Result<std::string> get(const std::string& target) const;
  Result<std::string> text_of(const std::string& target, std::string_view member) const;

  fs::path socket_;
  std::chrono::milliseconds timeout_;
};

} // namespace dind::daemon
