#include "sources.hpp"

#include "choice.hpp"
#include "interrupt.hpp"

#include <sys/file.hpp>
#include <sys/workers.hpp>

#include <CLI/CLI.hpp>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <set>

namespace dind::ctl {
namespace {

constexpr std::size_t kSourcesLimit = 1U << 20U;
// An engine looks at every layer of an image before the first byte comes, and takes its
// time after the last one went.
constexpr auto kPatience = std::chrono::minutes(10);

Result<void> write_to_pipe(const Fd& pipe, std::span<const std::byte> bytes) {
  return sys::write_all(pipe, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Result<sys::fs::path> socket_of_engine() {
  const char* const host = std::getenv("DOCKER_HOST");
  return daemon::parse_docker_host(host != nullptr ? host : "");
}

} // namespace

Result<std::vector<images::SourceSpec>> read_sources(const std::vector<std::string>& arguments) {
  std::vector<images::SourceSpec> sources;
  for (const std::string& argument : arguments) {
    if (!argument.starts_with('@')) {
      sources.push_back(TRY(images::parse_source_spec(argument)));
      continue;
    }
    const std::string file = argument.substr(1);
    const std::string text = TRY(sys::read_file(file, kSourcesLimit));
    for (images::SourceSpec& spec : TRY(images::parse_source_list(text).within(file))) {
      sources.push_back(std::move(spec));
    }
  }
  if (sources.empty()) {
    return input_error("no sources: the lists are empty");
  }
  return sources;
}

void add_progress_option(CLI::App& verb, std::string& style) {
  add_choice(verb, "--progress", style, {"auto", "plain", "json", "none"},
             "how progress is told on standard error: auto is a bar on a terminal, else plain "
             "lines; json is for programs");
}

bake::ProgressStyle progress_style(const std::string& name) {
  return name == "auto"    ? bake::ProgressStyle::automatic
         : name == "plain" ? bake::ProgressStyle::plain
         : name == "json"  ? bake::ProgressStyle::json
                           : bake::ProgressStyle::none;
}

void add_strict_option(CLI::App& verb, bool& strict) {
  verb.add_flag("--strict", strict,
                "make nothing where an image cannot be had; else that one is left out, and the "
                "exit code is 1");
}

void add_carried_options(CLI::App& verb, CarriedArguments& arguments) {
  verb.add_flag("--blobs", arguments.blobs,
                "carry compressed layers as well, as they came: in the containerd image store "
                "images then have the digests of their registry, and can be saved by them");
  verb.add_option("--build-cache", arguments.build_caches,
                  "carry a build cache that `docker buildx build --cache-to type=local,dest=DIR` "
                  "wrote; DIND_REGISTRY serves it as cache/NAME; may be given again")
      ->type_name("NAME=DIR")
      ->allow_extra_args(false);
}

Result<bake::Carried> parse_carried(const CarriedArguments& arguments) {
  bake::Carried carried{.blobs = arguments.blobs ? bake::Blobs::carried : bake::Blobs::left_out};
  std::set<std::string> names;
  for (const std::string& text : arguments.build_caches) {
    const std::size_t sign = text.find('=');
    if (sign == std::string::npos || sign == 0 || sign + 1 == text.size()) {
      return input_error("--build-cache {}: give NAME=DIR", text);
    }
    const std::string name = text.substr(0, sign);
    if (!names.insert(name).second) {
      return input_error("--build-cache {}: {} is given twice", text, name);
    }
    carried.build_caches.push_back(
        TRY(images::read_build_cache(name, text.substr(sign + 1)).within("--build-cache " + name)));
  }
  return carried;
}

bake::OnRefusal on_refusal(bool strict) {
  return strict ? bake::OnRefusal::refuse_all : bake::OnRefusal::go_on;
}

Result<daemon::EngineApi> open_engine() {
  return daemon::EngineApi(TRY(socket_of_engine()), kPatience);
}

Result<void> check_engine() {
  return daemon::EngineApi(TRY(socket_of_engine())).ping();
}

EngineExports::~EngineExports() {
  join();
}

void EngineExports::join() {
  for (Export& each : exports_) {
    if (each.thread && each.thread->joinable()) {
      each.thread->join();
    }
  }
}

Result<images::EngineExport> EngineExports::open(const std::string& reference) {
  const daemon::EngineApi engine = TRY(open_engine());
  auto image = TRY(engine.image(reference));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) == -1) {
    return errno_error("make a pipe");
  }
  Fd reader(ends[0]);
  Export& made = exports_.emplace_back();
  made.thread =
      sys::start_thread([engine, reference, &made, writer = std::make_shared<const Fd>(ends[1])] {
        auto saved = engine.save(
            reference,
            [&writer](std::span<const std::byte> bytes) { return write_to_pipe(*writer, bytes); },
            [] { return stop_flag().load(); });
        if (!saved && !saved.error().is(std::errc::broken_pipe)) {
          made.failure = std::move(saved).error();
        }
      });
  if (!made.thread) { // a pids limit
    return Error("start a thread that reads from the engine", EAGAIN);
  }
  return images::EngineExport{std::move(reader), std::move(image.digests)};
}

std::optional<Error> EngineExports::failure() {
  join();
  for (Export& each : exports_) {
    if (each.failure) {
      return each.failure;
    }
  }
  return std::nullopt;
}

} // namespace dind::ctl
