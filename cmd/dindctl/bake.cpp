#include "failure.hpp"
#include "verbs.hpp"

#include <bake/bake.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace dind::ctl {
namespace {

constexpr std::string_view kVerb = "bake";
constexpr const char* kExamples = R"(Sources:
  docker-archive:FILE[:REF]  what `docker save` writes, of any version; FILE may be -
  oci:DIR[:REF]              an OCI image layout, as skopeo and buildx make it
  oci-archive:FILE[:REF]     the same in a tar
  -                          a `docker save` stream on standard input
  PATH                       one of these, told by what it holds
  Archives and their layers may be plain, gzip or zstd. REF picks one image; without
  it, all are taken. REF also names an image of an OCI layout that says only its tag.

Examples:
  docker save alpine:3.20 node:22 | dindctl bake -o /var/lib/dind-cache -
  dindctl bake -o /var/lib/dind-cache docker-archive:images.tar oci:builder:acme/builder:1.4
  dindctl bake -o out/cache --copy acme/builder:1.4 images.tar.gz

Exit codes: 0 done; 64 usage; 65 bad input; 74 I/O error. A bake that fails leaves nothing.)";

struct BakeArguments {
  std::string target;
  std::vector<std::string> sources;
  std::vector<std::string> copies;
  std::string progress = "auto";
};

bake::ProgressStyle style_of(const std::string& name) {
  return name == "auto"    ? bake::ProgressStyle::automatic
         : name == "plain" ? bake::ProgressStyle::plain
                           : bake::ProgressStyle::none;
}

// Set by the signals that end a program politely.
bake::StopFlag stop_requested{false};
volatile sig_atomic_t stop_signal = 0;

void request_stop(int signal) {
  stop_signal = signal;
  stop_requested = true;
}

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND); // a second one does not wait for the clean-up
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    ::sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) { // nohup
      ::sigaction(signal, &action, nullptr);
    }
  }
}

void print_summary(const std::string& target, const bake::BakeReport& report,
                   std::chrono::steady_clock::duration took) {
  const auto& manifest = report.manifest;
  fmt::print("{}: {} images, {} layers used {} times, {}, {:.1f} s\n", target,
             manifest.images.size(), manifest.layers.size(), report.layer_uses,
             bake::readable_size(report.bytes), std::chrono::duration<double>(took).count());
}

int fail_bake(const Error& error) {
  return fail(kVerb, stop_requested ? Error("stopped, nothing is left of it") : error);
}

int run_bake(const BakeArguments& arguments) {
  const auto began = std::chrono::steady_clock::now();
  std::vector<bake::SourceSpec> sources;
  for (const std::string& text : arguments.sources) {
    auto spec = bake::parse_source_spec(text);
    if (!spec) {
      return fail_usage(kVerb, spec.error());
    }
    sources.push_back(std::move(spec).value());
  }
  catch_stop_signals();
  auto writer = bake::CacheWriter::create(arguments.target);
  if (!writer) {
    // Without an errno it is the target that does not do.
    return writer.error().code() == 0 ? fail_usage(kVerb, writer.error())
                                      : fail(kVerb, writer.error());
  }
  bake::Progress progress(style_of(arguments.progress), STDERR_FILENO);
  auto collection = bake::collect(sources, (*writer)->root(), stop_requested,
                                  [&progress](std::uint64_t bytes) { progress.spooled(bytes); });
  if (!collection) {
    progress.finish();
    return fail_bake(collection.error());
  }
  for (const std::string& reference : arguments.copies) {
    if (const auto marked = collection->mark_copy(reference); !marked) {
      progress.finish();
      return fail_usage(kVerb, Error("--copy: " + marked.error().describe()));
    }
  }
  const auto report = bake::bake(**writer, *collection, progress, stop_requested);
  progress.finish();
  for (const std::string& warning : collection->warnings()) {
    warn(kVerb, warning);
  }
  if (!report) {
    return fail_bake(report.error());
  }
  for (const std::string& warning : report->warnings) {
    warn(kVerb, warning);
  }
  print_summary(arguments.target, *report, std::chrono::steady_clock::now() - began);
  return kDone;
}

} // namespace

void add_bake(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<BakeArguments>();
  auto* const verb = app.add_subcommand("bake", "makes a cache from images");
  verb->footer(kExamples);
  verb->add_option("-o,--output", arguments->target,
                   "the cache, a directory that does not exist yet")
      ->type_name("DIR")
      ->required();
  verb->add_option("source", arguments->sources, "where images come from, see below")
      ->type_name("SOURCE")
      ->required();
  verb->add_option("--copy", arguments->copies,
                   "an image that is to be copied into the volume at boot, never borrowed: for "
                   "images that mount overlays over their own root; may be given again")
      ->type_name("REF")
      ->allow_extra_args(false);
  verb->add_option("--progress", arguments->progress,
                   "auto is a bar on a terminal, else plain lines")
      ->type_name("")
      ->default_str("auto")
      ->check(CLI::IsMember({"auto", "plain", "none"}));
  verb->callback([arguments, &exit_code] {
    exit_code = run_bake(*arguments);
    if (stop_signal != 0) {
      // Everything is removed; now end as the signal would have ended us.
      ::signal(stop_signal, SIG_DFL);
      ::raise(stop_signal);
    }
  });
}

} // namespace dind::ctl
