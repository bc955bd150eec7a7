#pragma once

#include <span>
#include <string>
#include <utility>

namespace dind::supervise {

// Tells other programs that the engine is ready: by the file of DIND_READY_FILE, and by the
// NOTIFY_SOCKET of a supervisor of this program, such as systemd. What fails is logged, and stops
// nothing.
class Readiness {
public:
  // Removes a file that an earlier start left.
  Readiness(std::string ready_file, std::span<const std::string> environment);

  void ready() const;    // to be called last, when everything else is in place
  void unready() const;  // for a while: only the file tells
  void stopping() const; // and first

private:
  void notify(const char* message) const;

  std::string ready_file_; // "": none
  std::string socket_;     // "": no supervisor is to be told
};

} // namespace dind::supervise
