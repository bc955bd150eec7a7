#include <boot/exec_command.hpp>

#include <base/log.hpp>
#include <daemon/command.hpp>
#include <daemon/rootless.hpp>
#include <host/preparation.hpp>
#include <sys/file.hpp>
#include <sys/spawn.hpp>

#include <unistd.h>

#include <cstdio>
#include <tuple>
#include <vector>

namespace dind::boot {
namespace {

constexpr int kRootlessRefused = 1;

std::vector<char*> pointers_to(std::span<const std::string> words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) {
    pointers.push_back(const_cast<char*>(word.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

} // namespace

int exec_program(std::span<const std::string> argv, std::span<const std::string> environment,
                 const sigset_t& mask) {
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  ::execvpe(argv[0].c_str(), pointers_to(argv).data(), pointers_to(environment).data());
  const Error failure = errno_error("run {}", argv[0]);
  log::error("{}", failure.describe());
  return sys::exit_code_for(failure);
}

int exec_command(std::span<const std::string> arguments, std::span<const std::string> environment,
                 const sigset_t& mask) {
  const auto facts = daemon::look_for_command(arguments, environment);
  const daemon::Command command = daemon::make_command(arguments, environment, facts);
  return exec_program(command.argv, command.environment, mask);
}

int exec_rootless(const Options& options, std::span<const std::string> arguments,
                  const sigset_t& mask) {
  const auto& environment = options.invocation.environment;
  const auto facts = daemon::look_for_rootless(environment);
  if (const auto objection = daemon::rootless_objection(facts)) {
    fmt::print(stderr, "{}\n", objection->why);
    return kRootlessRefused;
  }
  // Others' folders below /run cannot be searched, and are no worry.
  std::ignore = host::remove_stale_pids();
  const auto program = sys::canonical_path("/proc/self/exe");
  const auto command = daemon::rootless_command(
      program ? program->native() : "dind-init", arguments, environment, facts,
      options.invocation.default_listeners ? daemon::TcpPort::published : daemon::TcpPort::closed);
  return exec_program(command.argv, command.environment, mask);
}

} // namespace dind::boot
