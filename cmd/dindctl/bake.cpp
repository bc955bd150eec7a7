#include "failure.hpp"
#include "interrupt.hpp"
#include "sources.hpp"
#include "verbs.hpp"

#include <bake/bake.hpp>
#include <base/readable.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace dind::ctl {
namespace {

constexpr std::string_view kBakeVerb = "bake";
constexpr const char* kExamples = R"(Examples:
  docker save alpine:3.20 node:22 | dindctl bake -o /var/lib/dind-cache -
  dindctl bake -o /var/lib/dind-cache docker-archive:images.tar oci:builder:acme:1.4
  dindctl bake -o out/cache --copy acme/builder:1.4 images.tar.gz

An image that cannot be baked costs no other: it is named, and the exit code is 1.

Exit codes:
  0   done
  1   done, but without some images
  64  usage
  65  bad input: an archive, a layout, a list
  74  the system refused: no such file, no room, no permission
  A bake that fails leaves nothing, unless all that fails is to print the summary.)";

struct BakeArguments {
  std::string target;
  std::vector<std::string> sources;
  std::vector<std::string> copies;
  std::string platform = images::host_platform();
  std::string progress = "auto";
  CarriedArguments carried;
  bool strict = false;
};

void print_summary(const std::string& target, const bake::BakeReport& report,
                   std::chrono::steady_clock::duration took) {
  const auto& manifest = report.manifest;
  fmt::print("{}: {} images, {} layers used {} times, {}, {:.1f} s\n", target,
             manifest.images.size(), manifest.layers.size(), report.layer_uses,
             readable_size(report.bytes), std::chrono::duration<double>(took).count());
}

int fail_bake(const Error& error) {
  return fail(kBakeVerb, stop_flag() ? Error("stopped, nothing is left of it") : error);
}

int run_bake(const BakeArguments& arguments) {
  const auto began = std::chrono::steady_clock::now();
  const auto sources = read_sources(arguments.sources);
  if (!sources) {
    return fail_arguments(kBakeVerb, sources.error());
  }
  const auto platform = images::parse_platform(arguments.platform).within("--platform");
  if (!platform) {
    return fail_usage(kBakeVerb, platform.error());
  }
  const auto carried = parse_carried(arguments.carried);
  if (!carried) {
    return fail_arguments(kBakeVerb, carried.error());
  }
  catch_stop_signals();
  auto writer = bake::CacheWriter::create(arguments.target);
  if (!writer) {
    return fail_arguments(kBakeVerb, writer.error());
  }
  bake::Progress progress(progress_style(arguments.progress), STDERR_FILENO);
  EngineExports exports;
  auto collection = images::collect(
      *sources,
      {.scratch = (*writer)->root(),
       .stop = stop_flag(),
       .progress = [&progress](std::uint64_t bytes) { progress.spooled(bytes); },
       .platform = *platform,
       .open_engine = [&exports](const std::string& name) { return exports.open(name); }});
  if (const auto failure = exports.failure(); failure || !collection) {
    progress.finish();
    return fail_bake(told_where(failure ? *failure : collection.error(), arguments.target));
  }
  for (const std::string& reference : arguments.copies) {
    const auto marked = collection->mark_copy(reference);
    if (!marked && collection->refused().empty()) {
      progress.finish();
      return fail_usage(kBakeVerb, Error("--copy: " + marked.error().describe()));
    }
  }
  const auto report = bake::bake(**writer, *collection, progress, stop_flag(),
                                 on_refusal(arguments.strict), *carried);
  progress.finish();
  if (!report) {
    for (const std::string& warning : collection->warnings()) {
      warn(kBakeVerb, warning);
    }
    return fail_bake(told_where(report.error(), arguments.target));
  }
  for (const std::string& warning : report->warnings) {
    warn(kBakeVerb, warning);
  }
  if (!report->manifest.images.empty()) {
    print_summary(arguments.target, *report, std::chrono::steady_clock::now() - began);
  }
  return fail_images(kBakeVerb, report->refused, report->manifest.images.size());
}

} // namespace

void add_bake(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<BakeArguments>();
  auto* const verb = app.add_subcommand("bake", "makes a cache from images");
  verb->footer(std::string(kSourcesHelp) + "\n" + kExamples);
  verb->add_option("-o,--output", arguments->target,
                   "the cache, a directory that does not exist yet")
      ->type_name("DIR")
      ->required();
  verb->add_option("source", arguments->sources, "where images come from, see below")
      ->type_name("SOURCE")
      ->required();
  verb->add_option("--copy", arguments->copies,
                   "copy this image into the volume at boot, and never borrow it: for images that "
                   "mount overlays over their own root; may be given again")
      ->type_name("REF")
      ->allow_extra_args(false);
  verb->add_option("--platform", arguments->platform,
                   "which image to take where there are several, such as linux/arm64")
      ->type_name("PLATFORM")
      ->capture_default_str();
  add_carried_options(*verb, arguments->carried);
  add_strict_option(*verb, arguments->strict);
  add_progress_option(*verb, arguments->progress);
  verb->callback([arguments, &exit_code] {
    exit_code = run_bake(*arguments);
    if (!is_done(exit_code)) { // a signal that comes too late has stopped nothing
      end_by_signal();
    }
  });
}

} // namespace dind::ctl
