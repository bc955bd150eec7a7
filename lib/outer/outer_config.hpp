#pragma once

#include <base/digest.hpp>
#include <base/result.hpp>
#include <outer/outer_layer.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dind::outer {

// A layer that is put on top of a base, and what its history says.
struct AddedLayer {
  Digest diff_id;
  std::string created_by;
};

// What an outer image has that its base has not.
struct OuterChanges {
  std::vector<AddedLayer> layers;
  std::vector<std::pair<std::string, std::string>> labels;
  CachePlace place = "/var/lib/dind-cache";
  std::optional<std::string> created; // RFC 3339; that of the base where it is absent
};

// The configuration of an outer image: the base's, byte by byte the same members in the same
// order, with our entrypoint, layers, history and labels. Pure.
Result<std::string> make_outer_config(std::string_view base, const OuterChanges& changes);

// Refuses a cache that something is mounted over at run time, wholly or in part: where every
// container has a mount, and where the base has a VOLUME.
Result<void> check_volumes(std::string_view base, const CachePlace& place);

// "2026-11-26T00:00:00Z" of seconds since the epoch, as SOURCE_DATE_EPOCH has them.
Result<std::string> parse_source_date(std::string_view seconds);

} // namespace dind::outer
