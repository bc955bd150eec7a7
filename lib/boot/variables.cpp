#include <boot/variables.hpp>

#include <boot/values.hpp>
#include <daemon/environment.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

namespace dind::boot {
namespace {

template <typename T, std::size_t Count>
using Choices = std::array<std::pair<std::string_view, T>, Count>;

constexpr Choices<SeedWish, 7> kSeed = {{{"auto", SeedWish::automatic},
                                         {"link", SeedWish::link},
                                         {"reflink", SeedWish::reflink},
                                         {"hardlink", SeedWish::hardlink},
                                         {"copy", SeedWish::copy},
                                         {"load", SeedWish::load},
                                         {"off", SeedWish::off}}};
constexpr Choices<OnSeedError, 2> kOnError = {
    {{"continue", OnSeedError::go_on}, {"fail", OnSeedError::fail}}};
constexpr Choices<VerifyWish, 2> kVerify = {
    {{"quick", VerifyWish::quick}, {"full", VerifyWish::full}}};
constexpr Choices<StoreWish, 3> kStore = {{{"auto", StoreWish::automatic},
                                           {"graph", StoreWish::graph},
                                           {"containerd", StoreWish::containerd}}};
constexpr Choices<PromoteWish, 7> kPromote = {{{"auto", PromoteWish::automatic},
                                               {"yes", PromoteWish::yes},
                                               {"no", PromoteWish::no},
                                               {"true", PromoteWish::yes},
                                               {"false", PromoteWish::no},
                                               {"1", PromoteWish::yes},
                                               {"0", PromoteWish::no}}};
constexpr Choices<bool, 6> kBoolean = {
    {{"1", true}, {"0", false}, {"true", true}, {"false", false}, {"yes", true}, {"no", false}}};
constexpr Choices<log::Level, 4> kLevel = {{{"debug", log::Level::debug},
                                            {"info", log::Level::info},
                                            {"warn", log::Level::warn},
                                            {"error", log::Level::error}}};
constexpr Choices<log::Format, 2> kFormat = {
    {{"logfmt", log::Format::logfmt}, {"json", log::Format::json}}};

// How far a name may be from one of ours to count as that one misspelt.
constexpr std::size_t kNear = 3;

Error bad_value(std::string_view name, std::string_view value, std::string_view allowed) {
  return input_error("{}={}: {}", name, value, allowed);
}

// Reads variables of one environment into fields that keep their default if unset.
class Reader {
public:
  explicit Reader(std::span<const std::string> environment) : environment_(environment) {}

  std::optional<std::string> text(std::string_view name) const {
    return daemon::find_variable(environment_, name);
  }

  template <typename T, std::size_t Count>
  Result<void> choose(std::string_view name, const Choices<T, Count>& choices, T& into) const {
    const auto value = text(name);
    if (!value) {
      return {};
    }
    std::string allowed = "not one of ";
    std::string_view comma;
    for (const auto& [word, meaning] : choices) {
      if (word == *value) {
        into = meaning;
        return {};
      }
      allowed += fmt::format("{}{}", std::exchange(comma, ", "), word);
    }
    return bad_value(name, *value, allowed);
  }

  // A whole number between `least` and `most`.
  Result<void> number(std::string_view name, std::uint64_t least, std::uint64_t most,
                      std::uint64_t& into) const {
    const auto value = text(name);
    if (!value) {
      return {};
    }
    const auto parsed = parse_number(*value);
    if (!parsed || *parsed < least || *parsed > most) {
      return bad_value(name, *value, fmt::format("not a whole number from {} to {}", least, most));
    }
    into = *parsed;
    return {};
  }

private:
  std::span<const std::string> environment_;
};

// Driver names become folder names in the data root.
bool is_driver_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

constexpr std::string_view kDriverRule =
    "not the name of a storage driver, such as overlay2 or vfs";

Result<void> read_cache_dirs(const Reader& reader, std::vector<std::string>& into) {
  const auto value = reader.text("DIND_CACHE_DIR");
  if (!value) {
    return {};
  }
  into = split(*value, ":");
  const bool are_absolute = std::all_of(
      into.begin(), into.end(), [](const std::string& dir) { return dir.starts_with('/'); });
  if (into.empty() || !are_absolute) {
    return bad_value("DIND_CACHE_DIR", *value, "not absolute paths, separated by \":\"");
  }
  return {};
}

Result<void> read_digest(const Reader& reader, std::optional<Digest>& into) {
  const auto value = reader.text("DIND_CACHE_DIGEST");
  if (!value) {
    return {};
  }
  Result<Digest> digest = Digest::parse(*value);
  if (!digest) {
    return bad_value("DIND_CACHE_DIGEST", *value, "not sha256: and 64 lower-case hex digits");
  }
  into = std::move(digest).value();
  return {};
}

Result<void> read_drivers(const Reader& reader, Wishes& wishes) {
  if (const auto driver = reader.text("DIND_STORAGE_DRIVER"); driver && *driver != "auto") {
    if (!is_driver_name(*driver)) {
      return bad_value("DIND_STORAGE_DRIVER", *driver, kDriverRule);
    }
    wishes.required_driver = *driver;
  }
  if (const auto drivers = reader.text("DIND_REQUIRE_DRIVER")) {
    wishes.allowed_drivers = split(*drivers, ", ");
    const auto& allowed = wishes.allowed_drivers;
    if (allowed.empty() || !std::all_of(allowed.begin(), allowed.end(), is_driver_name)) {
      return bad_value("DIND_REQUIRE_DRIVER", *drivers,
                       "not a list of storage drivers, separated by \",\"");
    }
  }
  // Not ours to refuse: a preference that cannot be had is passed over.
  wishes.preferred_driver = reader.text("DOCKER_DRIVER").value_or("");
  return {};
}

Result<void> read_loop_size(const Reader& reader, std::optional<std::uint64_t>& into) {
  const auto value = reader.text("DIND_LOOP_SIZE");
  if (!value || *value == "auto") {
    return {};
  }
  into = parse_size(*value);
  return into ? Result<void>()
              : bad_value("DIND_LOOP_SIZE", *value, "not \"auto\", 0, or a size such as 20g");
}

// Seconds and threads.
Result<void> read_limits(const Reader& reader, Wishes& wishes) {
  constexpr std::uint64_t kMostJobs = 256;
  constexpr std::uint64_t kWeek = 7ULL * 24 * 3600;
  std::uint64_t jobs = wishes.seed_jobs;
  TRY(reader.number("DIND_SEED_JOBS", 1, kMostJobs, jobs));
  wishes.seed_jobs = static_cast<unsigned>(jobs);
  std::uint64_t budget = 0;
  TRY(reader.number("DIND_SEED_BUDGET", 0, kWeek, budget));
  wishes.seed_budget = std::chrono::seconds(budget);
  return {};
}

// The edits that turn one word into the other (Levenshtein).
std::size_t distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

// The stock image's own, and a Kubernetes service's.
bool is_foreign(std::string_view name) {
  return name == "DIND_COMMIT" || name.starts_with("DIND_PORT") ||
         name.starts_with("DIND_SERVICE_") || name.find("_SERVICE_") != std::string_view::npos ||
         name.find("_PORT") != std::string_view::npos;
}

std::optional<std::string> judge(std::string_view name, std::string_view value) {
  const daemon::Variable* nearest = nullptr;
  std::size_t nearest_distance = kNear + 1;
  for (const daemon::Variable& ours : daemon::our_variables()) {
    const std::size_t edits = distance(name, ours.name);
    if (edits < nearest_distance) {
      nearest = &ours;
      nearest_distance = edits;
    }
  }
  if (!nearest || is_foreign(name)) {
    return std::nullopt;
  }
  if (nearest_distance > 0) {
    return fmt::format("{} is not a setting of dind-init: is {} meant?", name, nearest->name);
  }
  if (!nearest->acted_upon) {
    return fmt::format("{}={} has no effect: this version does not implement it", name, value);
  }
  return std::nullopt;
}

} // namespace

Result<Wishes> read_wishes(std::span<const std::string> environment) {
  const Reader reader(environment);
  Wishes wishes;
  TRY(read_cache_dirs(reader, wishes.cache_dirs));
  TRY(read_digest(reader, wishes.cache_digest));
  TRY(reader.choose("DIND_SEED", kSeed, wishes.seed));
  TRY(reader.choose("DIND_SEED_ON_ERROR", kOnError, wishes.on_seed_error));
  TRY(reader.choose("DIND_VERIFY", kVerify, wishes.verify));
  TRY(reader.choose("DIND_STORE", kStore, wishes.store));
  TRY(reader.choose("DIND_LOG_LEVEL", kLevel, wishes.log_level));
  TRY(reader.choose("DIND_LOG_FORMAT", kFormat, wishes.log_format));
  TRY(reader.choose("DIND_RESEED", kBoolean, wishes.reseed));
  TRY(reader.choose("DIND_PROMOTE", kPromote, wishes.promote));
  TRY(read_limits(reader, wishes));
  TRY(read_loop_size(reader, wishes.loop_bytes));
  TRY(read_drivers(reader, wishes));
  return wishes;
}

std::vector<std::string> judge_variables(std::span<const std::string> environment) {
  std::vector<std::string> warnings;
  for (const std::string_view entry : environment) {
    const std::size_t equals = entry.find('=');
    if (!entry.starts_with("DIND_") || equals == std::string_view::npos ||
        equals + 1 == entry.size()) {
      continue;
    }
    if (auto warning = judge(entry.substr(0, equals), entry.substr(equals + 1))) {
      warnings.push_back(*std::move(warning));
    }
  }
  return warnings;
}

} // namespace dind::boot
