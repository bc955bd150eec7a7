#pragma once

#include <base/result.hpp>
#include <config/settings.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>

namespace dind::boot {

// Keys and certificates for TLS, made on a thread of their own while the volume is seeded. Where
// no thread can be had, they are made before it.
class KeyMaking {
public:
  // `dir` is DOCKER_TLS_CERTDIR, or "": there is nothing to make. `added` is DOCKER_TLS_SAN.
  KeyMaking(std::string dir, config::TlsKey kind, std::string added, std::function<bool()> stopped);

  // Ends what goes on: an RSA key may take seconds.
  ~KeyMaking() = default;
  KeyMaking(const KeyMaking&) = delete;
  KeyMaking& operator=(const KeyMaking&) = delete;

  // Waits for the end, and returns how long it took. ECANCELED if `stopped` became true.
  Result<std::chrono::duration<double, std::milli>> finish();

private:
  Result<void> made_;
  std::chrono::duration<double, std::milli> duration_{0};
  std::optional<std::jthread> thread_; // last: it is joined before what it writes to goes
};

} // namespace dind::boot
