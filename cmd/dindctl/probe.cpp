#include "failure.hpp"
#include "probe_report.hpp"
#include "settings.hpp"
#include "verbs.hpp"

#include <cache/canary.hpp>
#include <cache/reader.hpp>
#include <host/engine_version.hpp>
#include <host/probe.hpp>
#include <store/layout.hpp>
#include <sys/file.hpp>

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

namespace dind::ctl {
namespace {

constexpr std::string_view kProbeVerb = "probe";
constexpr const char* kProbeFooter =
    R"(Each way is tried for real, in a scratch directory that is removed again: an
overlay, a loop device with ext4, fuse-overlayfs and a btrfs subvolume are made in
the data root, and for each cache of DIND_CACHE_DIR (/var/lib/dind-cache) an overlay
over it, a clone and a hard link of one of its files. Nothing is left behind.

A data root that does not exist is not made: its nearest parent that exists is probed,
which is the same as long as nothing is mounted there.

Last comes the storage driver that dind-init would use, and why, for the settings of
this environment (DIND_STORAGE_DRIVER, DOCKER_DRIVER, DIND_REQUIRE_DRIVER,
DIND_STORE). Flags of dockerd and daemon.json are not looked at. It takes the
privileges that dind-init has.

Examples:
  docker run --rm --privileged --entrypoint dindctl IMAGE probe
  kubectl exec POD -c dind -- dindctl probe --json

Exit codes:
  0   done
  1   what the environment requires cannot be had
  64  usage, and values of variables
  65  the data root's state cannot be understood
  74  the system refused: no permission)";

struct ProbeArguments {
  std::string data_root;
  bool json = false;
};

void add_caches(const config::Settings& settings, host::ProbeRequest& request,
                ProbeReport& report) {
  for (const std::string& dir : settings.cache_dirs) {
    const auto path = sys::canonical_path(dir);
    if (!path && path.error().is(std::errc::no_such_file_or_directory)) {
      continue;
    }
    const auto cache = path ? cache::Cache::open(*path) : path.error();
    if (cache) {
      report.caches.push_back(dir);
      request.samples.push_back((cache->path() / cache::kCanaryName).native());
    } else {
      report.unusable.push_back(Error(cache.error()).within("the cache " + dir).describe());
    }
  }
}

// A boot asks only where the file of dockerd does not tell enough; here the time does not matter.
host::EngineVersion engine_version() {
  const host::EngineVersion by_file = host::version_by_file();
  if (by_file.oldest == by_file.newest) {
    return by_file;
  }
  const host::EngineVersion answer = host::VersionQuestion().answer();
  return answer == host::EngineVersion() ? by_file : answer;
}

Result<ProbeReport> make_report(const config::Settings& settings) {
  ProbeReport report;
  report.data_root = settings.data_root;
  const sys::Place place = TRY(sys::open_nearest_dir(settings.data_root));
  report.probed_at = place.path.native();
  report.state = TRY(store::read_state(settings.data_root).within(settings.data_root));
  const std::string own = store::kOwnDir;
  const bool has_own = place.path == settings.data_root && sys::open_dir_at({place.dir, own});
  host::ProbeRequest request{.scratch_parent = has_own ? own : ".", .everything = true};
  add_caches(settings, request, report);
  report.facts = TRY(host::probe(place.dir, request).within(report.probed_at));
  report.facts.engine = engine_version();
  report.choice =
      seed::choose_driver(settings, report.facts, report.state,
                          report.caches.empty() ? seed::Cached::nothing : seed::Cached::images);
  return report;
}

int run_probe(const ProbeArguments& arguments) {
  const auto settings = settings_of_environment(arguments.data_root);
  if (!settings) {
    return fail_usage(kProbeVerb, settings.error());
  }
  const auto report = make_report(*settings);
  if (!report) {
    return fail(kProbeVerb, report.error());
  }
  if (arguments.json) {
    print_for_programs(*report);
  } else {
    print_for_people(*report);
  }
  return report->choice.refusal ? kDoesNotHold : kDone;
}

} // namespace

void add_probe(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<ProbeArguments>();
  CLI::App* verb = app.add_subcommand(
      "probe", "tells what this host supports, what dind-init would choose, and why");
  verb->add_option("--data-root", arguments->data_root, "the data root to look at")
      ->type_name("DIR")
      ->default_str("/var/lib/docker");
  verb->add_flag("--json", arguments->json, "prints JSON, for programs");
  verb->footer(kProbeFooter);
  verb->callback([arguments, &exit_code] { exit_code = run_probe(*arguments); });
}

} // namespace dind::ctl
