#pragma once

#include <base/result.hpp>

#include <boost/filesystem/path.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>

namespace dind::daemon {

namespace fs = boost::filesystem;

// A body that is handed over piece by piece: fills a part of `into`, and returns how many
// bytes; 0 is the end.
using BodyReader = std::function<Result<std::size_t>(std::span<std::byte> into)>;

// Takes a body piece by piece.
using BodyWriter = std::function<Result<void>(std::span<const std::byte> bytes)>;

// Appends to `text`, which must outlive it.
BodyWriter into_text(std::string& text);

struct Request {
  std::string target; // "/images/json"
  BodyReader body;    // the archive that a POST sends; none: a GET
  std::uint64_t reply_limit = std::numeric_limits<std::uint64_t>::max(); // in bytes; more: EMSGSIZE
};

struct Patience {
  std::chrono::milliseconds timeout;
  bool each_step = false; // the timeout is for a piece sent or received, not for all
  // Asked some times a second if there is one: true ends the exchange with ECANCELED.
  std::function<bool()> interrupted;
};

// One HTTP/1.1 exchange with the engine on a connection of its own to a unix socket, a piece in
// memory at a time, at the slower side's pace. What an answer of 200 brings goes to `reply`; any
// other status is an error in the engine's own words ({"message": "…"}, moby api/swagger.yaml,
// ErrorResponse). An error of `request.body` cuts the stream, which the engine then refuses; that
// error, or one of `reply`, is the exchange's. A timeout is ETIMEDOUT, a failed system call its
// errno: ENOENT or ECONNREFUSED where no engine serves the socket.
Result<void> exchange(const fs::path& socket, const Request& request, const Patience& patience,
                      const BodyWriter& reply);

} // namespace dind::daemon
