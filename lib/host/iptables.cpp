#include <host/iptables.hpp>

#include <host/try_program.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <sys/spawn.hpp>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <tuple>

namespace dind::host {
namespace {

constexpr std::size_t kListLimit = 64U << 10U;
// Where the stock image has links called iptables to the legacy programs.
constexpr const char* kStockLegacyDir = "/usr/local/sbin/.iptables-legacy";
constexpr std::array<const char*, 6> kPrograms = {"iptables",         "iptables-save",
                                                  "iptables-restore", "ip6tables",
                                                  "ip6tables-save",   "ip6tables-restore"};

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

// Why a program does not list its rules.
std::optional<Reason> refusal_of(const std::string& program) {
  return try_program({program, "-nL"});
}

// Debian has the variants side by side, as iptables-legacy and so on. dockerd looks for plain
// names.
Result<std::string> link_legacy_programs(const fs::path& runtime_dir) {
  const std::string name = "iptables-legacy";
  const Fd parent = TRY(sys::open_dir(runtime_dir));
  TRY(sys::ensure_dir_at({parent, name}, 0755));
  const Fd dir = TRY(sys::open_dir_at({parent, name}));
  for (const std::string program : kPrograms) {
    const std::size_t family = program.find("tables") + 6;
    const std::string legacy = program.substr(0, family) + "-legacy" + program.substr(family);
    const auto found = sys::find_program(legacy);
    if (found && found->starts_with('/') && !TRY(sys::exists_at({dir, program}))) {
      TRY(sys::symlink_at(*found, {dir, program}));
    }
  }
  return (runtime_dir / name).native();
}

// The directory of legacy programs, or "" if this image has none.
std::string find_legacy_dir(const fs::path& runtime_dir) {
  if (::access((std::string(kStockLegacyDir) + "/iptables").c_str(), X_OK) == 0) {
    return kStockLegacyDir;
  }
  if (!sys::find_program("iptables-legacy")) {
    return "";
  }
  const auto made = link_legacy_programs(runtime_dir);
  return made ? *made : "";
}

void load_for(Tables tables) {
  if (tables == Tables::standard) {
    request_module("nf_tables");
  } else {
    request_module("ip_tables");
    request_module("ip6_tables");
  }
}

std::string program_of(std::string_view name, const std::string& legacy_dir) {
  return legacy_dir.empty() ? std::string(name) : fmt::format("{}/{}", legacy_dir, name);
}

} // namespace

IptablesChoice choose_tables(const IptablesFacts& facts) {
  const auto settle = [](Tables tables, std::string why) {
    return IptablesChoice{IptablesStep::done, tables, std::move(why)};
  };
  if (facts.wish) {
    return *facts.wish ? settle(Tables::legacy, "DOCKER_IPTABLES_LEGACY asks for it")
                       : settle(Tables::standard, "DOCKER_IPTABLES_LEGACY is set, and empty");
  }
  if (facts.has_legacy_rules) {
    return settle(Tables::legacy, "the kernel has legacy tables already");
  }
  if (!facts.standard_works) {
    return {IptablesStep::try_standard, Tables::standard, ""};
  }
  if (*facts.standard_works) {
    return settle(Tables::standard, "it works");
  }
  if (!facts.standard_works_with_modules) {
    return {IptablesStep::load_and_try_standard, Tables::standard, ""};
  }
  if (*facts.standard_works_with_modules) {
    return settle(Tables::standard, "it works, with nf_tables loaded");
  }
  if (!facts.has_legacy_variant) {
    return settle(Tables::standard, "it does not work, and there are no legacy programs to try");
  }
  if (!facts.legacy_works) {
    return {IptablesStep::load_and_try_legacy, Tables::legacy, ""};
  }
  return *facts.legacy_works ? settle(Tables::legacy, "only this one works")
                             : settle(Tables::standard, "neither variant works");
}

Iptables prepare_iptables(const std::optional<std::string>& wish, const fs::path& runtime_dir) {
  const std::array<fs::path, 3> lists = {"/proc/net/ip_tables_names", "/proc/net/ip6_tables_names",
                                         "/proc/net/arp_tables_names"};
  const std::string legacy_dir = find_legacy_dir(runtime_dir);
  IptablesFacts facts;
  facts.wish = wish ? std::optional(!wish->empty()) : std::nullopt;
  facts.has_legacy_rules = has_legacy_rules(lists);
  facts.has_legacy_variant = !legacy_dir.empty();

  Iptables iptables;
  if (facts.wish) {
    load_for(*facts.wish ? Tables::legacy : Tables::standard);
  }
  const auto works = [](const std::string& dir) {
    return !refusal_of(program_of("iptables", dir));
  };
  for (;;) {
    iptables.choice = choose_tables(facts);
    switch (iptables.choice.next) {
    case IptablesStep::try_standard:
      facts.standard_works = works("");
      continue;
    case IptablesStep::load_and_try_standard:
      load_for(Tables::standard);
      facts.standard_works_with_modules = works("");
      continue;
    case IptablesStep::load_and_try_legacy:
      load_for(Tables::legacy);
      facts.legacy_works = works(legacy_dir);
      continue;
    case IptablesStep::done:
      break;
    }
    break;
  }

  if (iptables.choice.tables == Tables::legacy) {
    // Without such programs, the stock image's place: a wish is a wish, and dockerd says what is
    // missing.
    iptables.legacy_dir = legacy_dir.empty() ? kStockLegacyDir : legacy_dir;
  }
  const std::string chosen = facts.has_legacy_variant ? iptables.legacy_dir : "";
  if (const auto version = sys::run({program_of("iptables", chosen), "--version"})) {
    iptables.version = first_line(version->output);
  }
  const bool is_known_to_work = facts.standard_works.value_or(false) ||
                                facts.standard_works_with_modules.value_or(false) ||
                                facts.legacy_works.value_or(false);
  iptables.trouble = is_known_to_work ? std::nullopt : refusal_of(program_of("iptables", chosen));
  iptables.trouble_v6 = refusal_of(program_of("ip6tables", chosen));
  return iptables;
}

void request_module(const std::string& name) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  std::ignore = ::ioctl(socket.get(), SIOCGIFINDEX, &request); // ENODEV: that was not the point
}

bool has_legacy_rules(std::span<const fs::path> lists) {
  return std::any_of(lists.begin(), lists.end(), [](const fs::path& list) {
    const auto text = sys::read_file(list, kListLimit);
    return text && text->find_first_not_of(" \n") != std::string::npos;
  });
}

} // namespace dind::host
