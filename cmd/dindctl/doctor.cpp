#include "show_line.hpp"
#include "verbs.hpp"

#include <host/doctor.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

namespace dind::ctl {
namespace {

constexpr const char* kDoctorFooter =
    R"(Looks at what an engine in a container needs of its host: capabilities, confinement,
cgroups, an overlay in the data root, iptables, devices, names, addresses and the MTU,
with the DIND_* variables of this environment. A line that begins with "!!" will hurt,
one with "! " hurts some. A cgroup and an overlay are made for it, and removed again.

Examples:
  docker run --rm --privileged --entrypoint dindctl IMAGE doctor
  kubectl exec POD -c dind -- dindctl doctor

Exit codes:
  0   nothing will hurt
  1   something will
  64  usage
  74  standard output could not be written)";

std::vector<std::string> environment_of_this() {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry; ++entry) {
    environment.emplace_back(*entry);
  }
  return environment;
}

const char* mark_of(host::Grade grade) {
  switch (grade) {
  case host::Grade::fine:
    return "ok";
  case host::Grade::note:
    return "! ";
  case host::Grade::trouble:
    break;
  }
  return "!!";
}

int run_doctor(const std::string& data_root) {
  int exit_code = kDone;
  for (const auto& finding : host::judge(host::examine(data_root, environment_of_this()))) {
    show_line("{} {:<12} {}", mark_of(finding.grade), finding.about, finding.says);
    if (finding.grade == host::Grade::trouble) {
      exit_code = kDoesNotHold;
    }
  }
  return exit_code;
}

} // namespace

void add_doctor(CLI::App& app, int& exit_code) {
  const auto data_root = std::make_shared<std::string>("/var/lib/docker");
  CLI::App* verb = app.add_subcommand("doctor", "tells what is wrong with this host");
  verb->add_option("--data-root", *data_root, "the engine's data root")
      ->type_name("DIR")
      ->capture_default_str();
  verb->footer(kDoctorFooter);
  verb->callback([data_root, &exit_code] { exit_code = run_doctor(*data_root); });
}

} // namespace dind::ctl
