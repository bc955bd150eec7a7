#pragma once

#include <base/result.hpp>
#include <cache/reference.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace dind::registry {

// Why a request is refused, as the distribution specification has it ("Error Codes").
struct Refusal {
  int status = 0;
  std::string_view code; // "MANIFEST_UNKNOWN"
  std::string_view message;
  bool operator==(const Refusal&) const = default;
};

// A part of a list: "?n=10&last=alpine".
struct Page {
  std::optional<std::size_t> most;
  std::string last; // what comes behind it; "" = from the beginning
};

// What a request's target asks for. Names are normalised: "alpine", "library/alpine" and
// "docker.io/library/alpine" are one repository, whose registry is what `?ns=` names, or what the
// name begins with, or docker.io.
struct Target {
  enum class What { version, manifest, blob, tags, repositories };
  What what = What::version;
  cache::Reference reference; // with a tag, or a digest; of lists only the repository counts
  Page page;
  std::string name; // of the repository, as the request has it
  std::string ns;   // the same of its registry; "" = it does not say
};

// "/v2/library/alpine/manifests/3.20?ns=docker.io". Nothing of a path is decoded: no name, tag or
// digest has a character that would need it.
Result<Target, Refusal> parse_target(std::string_view text);

// The bytes [first, first + size) of a content.
struct Part {
  std::uint64_t first = 0;
  std::uint64_t size = 0;
  bool operator==(const Part&) const = default;
};

// What a `Range` header asks for of `size` bytes (RFC 9110, 14.1.2). A header that is malformed,
// or has several ranges, counts as none, which the client sees by the answer's status.
struct WholeContent {
  bool operator==(const WholeContent&) const = default;
};
struct NoSuchPart {
  bool operator==(const NoSuchPart&) const = default;
};
using WantedPart = std::variant<WholeContent, Part, NoSuchPart>;
WantedPart parse_range(std::string_view header, std::uint64_t size);

} // namespace dind::registry
