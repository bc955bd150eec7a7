#include "boot_report.hpp"
#include "choice.hpp"
#include "failure.hpp"
#include "registry_lines.hpp"
#include "settings.hpp"
#include "verbs.hpp"

#include <base/utf8.hpp>
#include <cache/reader.hpp>
#include <cache/reference.hpp>
#include <sys/file.hpp>
#include <sys/interface.hpp>
#include <config/registry_places.hpp>
#include <registry/missed.hpp>
#include <report/status.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace dind::ctl {
namespace {

constexpr const char* kRegistryFooter =
    R"(With DIND_REGISTRY, PID 1 lets images of the caches be pulled; dockerd asks there first by
itself. --config prints what another program in this container, or in a container of its
engine, needs for that: run it where DIND_REGISTRY is set. --missed prints what was asked
for and is in no cache, one reference a line: what the next bake would have to have.

Examples:
  docker exec NAME dindctl registry --missed
  dindctl registry --config buildkitd >buildkitd.toml
  docker buildx create --driver docker-container --config buildkitd.toml --use

Exit codes:
  0   done
  1   no registry runs here
  64  usage
  74  the system refused, or standard output could not be written)";

constexpr const char* kBridge = "docker0";

struct RegistryOptions {
  std::string program; // empty: none is asked for
  bool missed = false;
  ReportOptions report;
};

// What containers of the engine reach, if they reach anything.
std::string host_for_containers(const config::Registry& registry) {
  using Reach = config::Registry::Reach;
  const bool is_every_address = registry.ip == "0.0.0.0" || registry.ip == "::";
  if (registry.reach == Reach::bridge || is_every_address) {
    const auto address = sys::address_of_interface(kBridge);
    return address ? config::host_and_port(*address, registry.port) : "";
  }
  const bool is_open = registry.reach == Reach::address && config::is_beyond_loopback(registry.ip);
  return is_open ? config::host_and_port(registry.ip, registry.port) : "";
}

// Those that images of the caches are from.
std::set<std::string> registries_in(const std::vector<std::string>& cache_dirs) {
  std::set<std::string> registries = {"docker.io"};
  for (const std::string& dir : cache_dirs) {
    const auto cache = cache::Cache::open(dir);
    for (const cache::Image& image :
         cache ? cache->manifest().images : std::vector<cache::Image>()) {
      for (const std::string& name : image.names) {
        if (const auto reference = cache::parse_reference(name)) {
          registries.insert(reference->domain);
        }
      }
    }
  }
  return registries;
}

int print_config(const std::string& program) {
  const auto settings = settings_of_environment("");
  if (!settings) {
    return fail_usage("registry", settings.error());
  }
  if (settings->registry.reach == config::Registry::Reach::off) {
    note("registry", "DIND_REGISTRY is off: there is no registry");
    return kDoesNotHold;
  }
  std::string host = host_for_containers(settings->registry);
  if (host.empty()) {
    host = config::registry_host(settings->registry);
    note("registry", "containers reach it only with --network host; DIND_REGISTRY=bridge is for "
                     "the others");
  }
  fmt::print("{}", registry_lines(program, host, registries_in(settings->cache_dirs)));
  return kDone;
}

// In a directory that may be shared with containers that are trusted less.
Result<std::string> read_missed(const report::fs::path& dir) {
  const Fd opened = TRY(sys::open_dir(dir));
  const std::string name = registry::kMissedName;
  return sys::read_file_at({opened, name}, registry::kMissedLimit).within(dir.native());
}

void print_lines(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    fmt::print("{}\n", printable(line));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
}

int print_missed(const ReportOptions& options) {
  const auto dirs = options.run_dir.empty() ? report::runtime_dirs(options.data_root)
                                            : std::vector<report::fs::path>{options.run_dir};
  for (const auto& dir : dirs) {
    const auto missed = read_missed(dir);
    if (missed) {
      print_lines(*missed);
      return kDone;
    }
    if (!missed.error().is(std::errc::no_such_file_or_directory)) {
      return fail("registry", missed.error());
    }
  }
  note("registry", "no registry has run here: is DIND_REGISTRY set?");
  return kDoesNotHold;
}

int run_registry(const RegistryOptions& options) {
  if (options.program.empty() == !options.missed) {
    return fail_usage("registry", Error("one of --config and --missed is needed; see dindctl "
                                        "registry --help"));
  }
  return options.missed ? print_missed(options.report) : print_config(options.program);
}

} // namespace

void add_registry(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<RegistryOptions>();
  CLI::App* verb =
      app.add_subcommand("registry", "tells how to pull from the caches, and what they lack");
  add_choice(*verb, "--config", options->program, configured_programs(),
             "prints what that program needs to ask here first");
  verb->add_flag("--missed", options->missed, "prints the images that were asked for in vain");
  add_report_options(*verb, options->report);
  verb->footer(kRegistryFooter);
  verb->callback([options, &exit_code] { exit_code = run_registry(*options); });
}

} // namespace dind::ctl
