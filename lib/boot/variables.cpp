#include <boot/variables.hpp>

#include <boot/values.hpp>
#include <boot/variable_groups.hpp>
#include <boot/variable_reader.hpp>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

namespace dind::boot {
namespace {

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
constexpr Choices<bool, 2> kCgroupNamespace = {{{"auto", true}, {"off", false}}};
constexpr Choices<log::Level, 4> kLevel = {{{"debug", log::Level::debug},
                                            {"info", log::Level::info},
                                            {"warn", log::Level::warn},
                                            {"error", log::Level::error}}};
constexpr Choices<log::Format, 2> kFormat = {
    {{"logfmt", log::Format::logfmt}, {"json", log::Format::json}}};

// Driver names become folder names in the data root.
bool is_driver_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

constexpr std::string_view kDriverRule =
    "not the name of a storage driver, such as overlay2 or vfs";

Result<void> read_cache_dirs(const VariableReader& reader, std::vector<std::string>& into) {
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

Result<void> read_digest(const VariableReader& reader, std::optional<Digest>& into) {
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

Result<void> read_drivers(const VariableReader& reader, Wishes& wishes) {
  if (const auto driver = reader.text("DIND_STORAGE_DRIVER"); driver && *driver != "auto") {
    if (!is_driver_name(*driver)) {
      return bad_value("DIND_STORAGE_DRIVER", *driver, kDriverRule);
    }
    wishes.required_driver = *driver;
  }
  TRY(reader.list("DIND_REQUIRE_DRIVER", is_driver_name,
                  "not a list of storage drivers, separated by \",\"", wishes.allowed_drivers));
  // Not ours to refuse: a preference that cannot be had is passed over.
  wishes.preferred_driver = reader.text("DOCKER_DRIVER").value_or("");
  return {};
}

Result<void> read_loop_size(const VariableReader& reader, std::optional<std::uint64_t>& into) {
  const auto value = reader.text("DIND_LOOP_SIZE");
  if (!value || *value == "auto") {
    return {};
  }
  into = parse_size(*value);
  return into ? Result<void>()
              : bad_value("DIND_LOOP_SIZE", *value, "not \"auto\", 0, or a size such as 20g");
}

Result<void> read_jobs(const VariableReader& reader, unsigned& into) {
  constexpr std::uint64_t kMostJobs = 256;
  std::uint64_t jobs = into;
  TRY(reader.number("DIND_SEED_JOBS", 1, kMostJobs, jobs));
  into = static_cast<unsigned>(jobs);
  return {};
}

} // namespace

Result<Wishes> read_wishes(std::span<const std::string> environment) {
  const VariableReader reader(environment);
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
  TRY(read_jobs(reader, wishes.seed_jobs));
  TRY(reader.seconds("DIND_SEED_BUDGET", wishes.seed_budget));
  TRY(read_loop_size(reader, wishes.loop_bytes));
  TRY(read_drivers(reader, wishes));
  TRY(reader.choose("DIND_CGROUPNS", kCgroupNamespace, wishes.cgroup_namespace));
  wishes.engine = TRY(read_engine_wishes(reader));
  wishes.supervision = TRY(read_supervision_wishes(reader));
  return wishes;
}

} // namespace dind::boot
