#include <outer/outer_config.hpp>

#include <bake/target.hpp>
#include <base/json.hpp>

#include <time.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace dind::outer {
namespace {

constexpr const char* kEntrypoint = "dind-init";
constexpr const char* kCacheVariable = "DIND_CACHE_DIR=";
constexpr const char* kDefaultPlace = "/var/lib/dind-cache";
// What a runtime mounts over whatever an image has there.
constexpr std::array kMountedOver = {"/proc", "/sys", "/dev", "/run"};
constexpr std::int64_t kLastSecond = 253'402'300'799; // of the year 9999

// The member `key`, made an empty object unless it is one.
json::object& object_at(json::object& members, std::string_view key) {
  json::value& member = members[key];
  return member.is_object() ? member.get_object() : member.emplace_object();
}

json::array& array_at(json::object& members, std::string_view key) {
  json::value& member = members[key];
  return member.is_array() ? member.get_array() : member.emplace_array();
}

std::size_t real_layers(const json::array& history) {
  return static_cast<std::size_t>(
      std::count_if(history.begin(), history.end(), [](const json::value& item) {
        const json::object* const members = item.if_object();
        const json::value* const empty = members ? members->if_contains("empty_layer") : nullptr;
        return !empty || !empty->is_bool() || !empty->get_bool();
      }));
}

// The stock entrypoint's arguments are ours; another program's are not.
void set_entrypoint(json::object& config) {
  const json::array ours = {kEntrypoint};
  const json::value* const theirs = config.if_contains("Entrypoint");
  if (theirs && *theirs == ours) {
    return;
  }
  config["Entrypoint"] = ours;
  config["Cmd"] = json::array();
}

void set_cache_variable(json::object& config, const std::string& place) {
  json::array& environment = array_at(config, "Env");
  const auto is_ours = [](const json::value& item) {
    return item.is_string() && std::string_view(item.get_string()).starts_with(kCacheVariable);
  };
  environment.erase(std::remove_if(environment.begin(), environment.end(), is_ours),
                    environment.end());
  if (place != kDefaultPlace) {
    environment.push_back(json::value(kCacheVariable + place));
  }
}

void add_layers(json::object& members, const OuterChanges& changes, const json::value& created) {
  json::array& diff_ids = array_at(object_at(members, "rootfs"), "diff_ids");
  // A history that does not tell of each layer of the base cannot tell of ours.
  json::value* const told = members.if_contains("history");
  json::array* const history = told ? told->if_array() : nullptr;
  const bool complete = history && real_layers(*history) == diff_ids.size();
  for (const AddedLayer& layer : changes.layers) {
    diff_ids.push_back(json::value(layer.diff_id.text()));
    if (complete) {
      json::object item;
      if (!created.is_null()) {
        item["created"] = created;
      }
      item["created_by"] = layer.created_by;
      history->push_back(std::move(item));
    }
  }
}

// "data/" as "/data": without what is only spelling.
CachePlace absolute(std::string_view volume) {
  volume.remove_prefix(std::min(volume.find_first_not_of('/'), volume.size()));
  const CachePlace normal = ("/" / CachePlace(std::string(volume))).lexically_normal();
  return normal.filename() == "." ? normal.parent_path() : normal;
}

} // namespace

Result<std::string> make_outer_config(std::string_view base, const OuterChanges& changes) {
  json::value document = TRY(json::parse_as_go(base));
  if (!document.is_object()) {
    return input_error("not an object");
  }
  json::object& members = document.get_object();
  if (changes.created) {
    members["created"] = *changes.created;
  }
  const json::value* const created = members.if_contains("created");
  add_layers(members, changes, created ? *created : json::value());
  json::object& config = object_at(members, "config");
  set_entrypoint(config);
  set_cache_variable(config, changes.place.native());
  json::object& labels = object_at(config, "Labels");
  for (const auto& [key, value] : changes.labels) {
    labels[key] = value;
  }
  return json::print(document, json::Style::compact);
}

Result<void> check_volumes(std::string_view base, const CachePlace& place) {
  TRY(bake::check_target(place, {}));
  for (const char* const mount : kMountedOver) {
    if (bake::is_at_or_below(place, mount)) {
      return input_error("{} is in {}, which is mounted over in every container; choose another "
                         "--cache-dir",
                         place.native(), mount);
    }
  }
  const json::value document = TRY(json::parse_as_go(base));
  const auto members = TRY(json::Fields::of(document));
  const json::object* const config = TRY(members.child_or_none("config"));
  const json::object* const volumes =
      config ? TRY(json::Fields(*config).child_or_none("Volumes")) : nullptr;
  if (!volumes) {
    return {};
  }
  for (const auto& [text, unused] : *volumes) {
    const CachePlace volume = absolute(text);
    if (bake::is_at_or_below(place, volume)) {
      return input_error("{} is in {}, a VOLUME of the base: what is there is not kept; choose "
                         "another --cache-dir",
                         place.native(), volume.native());
    }
    if (bake::is_at_or_below(volume, place)) {
      return input_error("{}, a VOLUME of the base, is in {}, and would hide a part of the cache; "
                         "choose another --cache-dir",
                         volume.native(), place.native());
    }
  }
  return {};
}

Result<std::string> parse_source_date(std::string_view seconds) {
  std::int64_t value = -1;
  const auto [end, failure] = std::from_chars(seconds.begin(), seconds.end(), value);
  if (failure != std::errc() || end != seconds.end() || value < 0 || value > kLastSecond) {
    return input_error("SOURCE_DATE_EPOCH=\"{}\": give seconds since 1970", seconds);
  }
  const time_t time = static_cast<time_t>(value);
  tm parts{};
  ::gmtime_r(&time, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

} // namespace dind::outer
