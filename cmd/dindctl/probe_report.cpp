#include "probe_report.hpp"

#include "show_line.hpp"
#include "table.hpp"

#include <base/json.hpp>
#include <base/readable.hpp>
#include <base/utf8.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <limits>
#include <string_view>
#include <utility>

namespace dind::ctl {
namespace {

using host::CacheFacts;
using host::Fact;
using host::HostFacts;

// The rungs by the names that settings have for them.
struct Rung {
  std::string_view name;
  Fact HostFacts::*fact;
};
constexpr std::array<Rung, 8> kRungs = {{{"overlay2", &HostFacts::overlay},
                                         {"d_type", &HostFacts::d_type},
                                         {"loop", &HostFacts::loop},
                                         {"fuse-overlayfs", &HostFacts::fuse_overlayfs},
                                         {"btrfs", &HostFacts::btrfs},
                                         {"reflink", &HostFacts::reflink},
                                         {"hardlink", &HostFacts::hardlink},
                                         {"vfs", &HostFacts::writable}}};

struct CacheRung {
  std::string_view name;
  std::string_view key;
  Fact CacheFacts::*fact;
};
constexpr std::array<CacheRung, 4> kCacheRungs = {
    {{"link", "link", &CacheFacts::borrow},
     {"link by fuse-overlayfs", "fuse_link", &CacheFacts::fuse_borrow},
     {"reflink", "reflink", &CacheFacts::reflink},
     {"hardlink", "hardlink", &CacheFacts::hardlink}}};

bool counts_inodes(const sys::FreeSpace& free) {
  return free.inodes != std::numeric_limits<std::uint64_t>::max();
}

Row row_of(std::string_view name, const Fact& fact) {
  return {std::string(name), fact.holds ? "yes" : "no", fact.why};
}

std::string describe_state(const store::StoreState& state) {
  std::string text = state.prior_drivers.empty()
                         ? "no layers of a driver"
                         : fmt::format("layers of {}", fmt::join(state.prior_drivers, ", "));
  for (const auto& [driver, held] : state.drivers) {
    text +=
        fmt::format("; {}: {} layers, {} images", driver, held.layers.size(), held.images.size());
  }
  return text + (state.has_containerd_images ? ", images of the containerd store" : "");
}

json::object to_json(const Fact& fact) {
  return {{"holds", fact.holds}, {"why", printable(fact.why)}};
}

json::value to_json(const sys::FreeSpace& free) {
  json::object form;
  form["bytes"] = free.bytes;
  form["inodes"] = counts_inodes(free) ? json::value(free.inodes) : json::value(nullptr);
  return form;
}

json::array to_json(const std::vector<std::string>& texts) {
  json::array list;
  for (const std::string& text : texts) {
    list.emplace_back(printable(text));
  }
  return list;
}

json::array caches_to_json(const ProbeReport& report) {
  json::array list;
  for (std::size_t i = 0; i < report.caches.size(); ++i) {
    const CacheFacts& facts = report.facts.caches[i];
    json::object form;
    form["path"] = printable(report.caches[i]);
    form["on_own_root"] = facts.on_own_root;
    for (const CacheRung& rung : kCacheRungs) {
      form[rung.key] = to_json(facts.*rung.fact);
    }
    list.push_back(std::move(form));
  }
  return list;
}

} // namespace

void print_for_people(const ProbeReport& report) {
  const HostFacts& facts = report.facts;
  const bool is_missing = report.probed_at != report.data_root;
  show_line("{} on {}{}", report.data_root, facts.data_root_filesystem,
            is_missing ? fmt::format(" (it does not exist: {} was probed)", report.probed_at) : "");
  if (!facts.filesystem_note.empty()) {
    show_line("  {}", facts.filesystem_note);
  }
  show_line("  {} free, {}", readable_size(facts.free.bytes),
            counts_inodes(facts.free) ? fmt::format("{} inodes", facts.free.inodes)
                                      : "inodes without limit");
  show_line("  {}", describe_state(report.state));
  show_line("  {} CPUs{}", facts.cpus, facts.in_user_namespace ? ", in a user namespace" : "");
  fmt::print("\n");

  std::vector<Row> rows = {{"RUNG", "HOLDS", "WHY"}};
  for (const Rung& rung : kRungs) {
    rows.push_back(row_of(rung.name, facts.*rung.fact));
  }
  print_table(rows);
  for (std::size_t i = 0; i < report.caches.size(); ++i) {
    fmt::print("\n");
    show_line("{}{}", report.caches[i],
              facts.caches[i].on_own_root ? ", on this container's own root" : "");
    rows = {{"STRATEGY", "HOLDS", "WHY"}};
    for (const CacheRung& rung : kCacheRungs) {
      rows.push_back(row_of(rung.name, facts.caches[i].*rung.fact));
    }
    print_table(rows);
  }
  for (const std::string& cache : report.unusable) {
    fmt::print("\n");
    show_line("{}", cache);
  }

  const seed::DriverChoice& choice = report.choice;
  fmt::print("\n");
  show_line("storage driver: {} ({})",
            choice.driver.empty() ? "the engine's choice" : choice.driver, choice.why);
  for (const seed::Refused& rung : choice.refused) {
    show_line("  not {}: {}", rung.driver, rung.why);
  }
  for (const std::string& warning : choice.warnings) {
    show_line("  {}", warning);
  }
  if (choice.refusal) {
    show_line("refused: {}", choice.refusal->why);
  }
}

void print_for_programs(const ProbeReport& report) {
  const HostFacts& facts = report.facts;
  json::object form;
  form["data_root"] = printable(report.data_root);
  form["probed_at"] = printable(report.probed_at);
  form["filesystem"] = facts.data_root_filesystem;
  form["note"] = facts.filesystem_note;
  form["free"] = to_json(facts.free);
  form["cpus"] = facts.cpus;
  form["user_namespace"] = facts.in_user_namespace;
  form["prior_drivers"] = to_json(report.state.prior_drivers);
  form["containerd_images"] = report.state.has_containerd_images;
  json::object rungs;
  for (const Rung& rung : kRungs) {
    rungs[rung.name] = to_json(facts.*rung.fact);
  }
  form["rungs"] = std::move(rungs);
  form["caches"] = caches_to_json(report);
  form["unusable_caches"] = to_json(report.unusable);
  json::array refused;
  for (const seed::Refused& rung : report.choice.refused) {
    refused.push_back({{"driver", rung.driver}, {"why", printable(rung.why)}});
  }
  form["decision"] = {
      {"driver", report.choice.driver},
      {"why", printable(report.choice.why)},
      {"refusal", printable(report.choice.refusal ? report.choice.refusal->why : "")},
      {"means", seed::name_of(report.choice.means)},
      {"on_loop", report.choice.on_loop},
      {"refused", std::move(refused)},
      {"warnings", to_json(report.choice.warnings)}};
  fmt::print("{}", json::print(form, json::Style::pretty));
}

} // namespace dind::ctl
