#pragma once

#include <base/digest.hpp>
#include <registry/catalogue.hpp>
#include <registry/request.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dind::registry {

enum class Method { get, head, other };

// What of an HTTP request counts.
struct Request {
  Method method = Method::get;
  std::string_view target;
  std::string_view range; // the header; "" = none, or not to be heeded
};

// Bytes of a cache that are sent as a body.
struct Slice {
  Digest digest;
  Content content;
  Part part;
};

struct Answer {
  int status = 0;
  std::string header;        // lines, each with its CRLF: those that tell of the content
  std::uint64_t length = 0;  // of the body, also where none is sent (HEAD)
  std::string text;          // the body, if it is not
  std::optional<Slice> body; // this one
  std::string found;         // the image that was asked for and is there; "" = none was
  std::string missed;        // the same of one that is not there
};

// Decides. The pull half of the OCI distribution specification; what would write is refused.
Answer answer(const Catalogue& catalogue, const Request& request);
// The same for a request that is none.
Answer refuse(const Refusal& refusal);

// The status line and all headers, with the empty line behind them.
enum class Afterwards { keep, close };
std::string print_head(const Answer& answer, Afterwards connection);

} // namespace dind::registry
