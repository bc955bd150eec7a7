#pragma once

#include <host/symptoms.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dind::host {

// What is wrong with a host, as far as an engine in a container is concerned. `trouble`
// will hurt; a `note` hurts some.
enum class Grade { fine, note, trouble };
struct Finding {
  Grade grade = Grade::fine;
  std::string about; // "capabilities"
  std::string says;  // what was seen and, if it is not fine, what to do
};

// One finding for each thing, in a fixed order.
std::vector<Finding> judge(const Symptoms& symptoms);

// An IPv4 range, "10.0.0.0/8".
struct Range {
  std::uint32_t base = 0;
  unsigned bits = 0;
  bool overlaps(const Range& other) const;
};
std::optional<Range> parse_range(std::string_view text);

// The networks that /proc/net/route leads to, without the default route and dockerd's own bridges.
std::vector<Range> parse_routes(std::string_view routes);

} // namespace dind::host
