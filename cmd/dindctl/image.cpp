#include "choice.hpp"
#include "failure.hpp"
#include "image_job.hpp"
#include "interrupt.hpp"
#include "sources.hpp"
#include "verbs.hpp"

#include <bake/metered_source.hpp>
#include <base/readable.hpp>
#include <outer/image_draft.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <chrono>
#include <memory>

namespace dind::ctl {
namespace {

constexpr std::string_view kImageVerb = "image";
constexpr const char* kHelp = R"(
Targets:
  oci:DIR[:REF]              an OCI image layout, made or added to; push it with
                             skopeo copy oci:DIR:REF docker://REGISTRY/NAME:TAG
  oci-archive:FILE[:REF]     the same in a tar
  docker-archive:FILE        what `docker load` takes, layers uncompressed; FILE may be -
  docker-daemon:             the engine of DOCKER_HOST
  docker-daemon: and docker-archive:- need room for the whole image in TMPDIR
  (/var/tmp).

Examples:
  dindctl image --base docker-daemon:docker:29-dind --tag ci-dind:1 -o docker-daemon: \
      docker-daemon:alpine:3.20 docker-daemon:node:22
  dindctl image --base oci:dind:28 -o oci:out:ci-dind:1 --reuse oci:out @images.txt
  SOURCE_DATE_EPOCH=0 dindctl image --base dind.tar -o docker-archive:out.tar jobs.tar

Needs no engine for files, and no privileges. The same images give the same digests,
on any machine and day; an unchanged layer has the same digest in every image.

An image that cannot be had costs no other: it is named, and the exit code is 1.

Exit codes:
  0   done
  1   done, but without some images
  64  usage
  65  bad input: an archive, a layout, a list
  74  the system refused: no such file, no room, no permission
  A run that fails leaves nothing, unless all that fails is to print the summary.)";

int fail_image(const Error& error) {
  return fail(kImageVerb, stop_flag() ? Error("stopped, nothing is left of it") : error);
}

bool loads_into_engine(const ImageJob& job) {
  return job.target.kind == outer::ImageTarget::Kind::docker_daemon;
}

Result<void> load_into_engine(const outer::ImageDraft& draft, const outer::FinishedImage& image,
                              bake::Progress& progress) {
  const daemon::EngineApi engine = TRY(open_engine());
  const auto archive = TRY(draft.stream(image));
  progress.begin("loading", archive.bytes);
  bake::MeteredSource metered(*archive.source, progress, stop_flag());
  TRY(engine.load([&metered](std::span<std::byte> into) { return metered.read(into); },
                  [] { return stop_flag().load(); }));
  progress.done();
  return {};
}

void print_summary(const ImageArguments& arguments, const outer::OuterImageReport& report,
                   std::chrono::steady_clock::duration took) {
  const outer::FinishedImage& image = report.image;
  std::string layers = fmt::format("{} of the base", report.layers_of_base);
  if (report.base_layers_taken_over > 0) {
    layers += fmt::format(", {} of them taken over", report.base_layers_taken_over);
  }
  layers += fmt::format("{}, {} made",
                        report.added.programs ? ", 1 with the programs"
                        : report.added.link   ? ", 1 with the link dockerd-entrypoint.sh"
                                              : "",
                        report.layers_made);
  if (report.layers_taken_over > 0) {
    layers += fmt::format(", {} taken over", report.layers_taken_over);
  }
  if (report.layers_shared > 0) {
    layers += fmt::format(", 1 shared by {} small ones", report.layers_shared);
  }
  layers += ", 1 with the index";
  // To standard error where the image itself goes to standard output.
  std::FILE* const out = arguments.target == "docker-archive:-" ? stderr : stdout;
  const std::string target = arguments.target.ends_with(':')
                                 ? arguments.target.substr(0, arguments.target.size() - 1)
                                 : arguments.target;
  fmt::print(out, "{}: {} images, {} layers ({}), {}, {:.1f} s\n", target, report.images,
             image.layers.size(), layers, readable_size(report.bytes),
             std::chrono::duration<double>(took).count());
  fmt::print(out, "manifest {}\nimage ID {}\n", image.manifest.digest.text(),
             image.config.digest.text());
}

Result<outer::OuterImageReport> make(const ImageArguments& arguments, const ImageJob& job,
                                     const outer::ImageDraft& draft, bake::Progress& progress,
                                     EngineExports& exports) {
  const images::Reading reading{
      .scratch = draft.dir(),
      .stop = stop_flag(),
      .progress = [&progress](std::uint64_t bytes) { progress.spooled(bytes); },
      .platform = job.platform,
      .open_engine = [&exports](const std::string& name) { return exports.open(name); }};
  const auto base = TRY(images::collect(job.base, reading).within("--base"));
  auto collection = TRY(images::collect(job.sources, reading));
  if (auto failure = exports.failure()) {
    return std::move(*failure);
  }
  for (const std::string& reference : arguments.copies) {
    auto marked = collection.mark_copy(reference).within("--copy");
    if (!marked && collection.refused().empty()) {
      return std::move(marked).error();
    }
  }
  return outer::make_outer_image(base, collection, job.options, draft.dir(), progress, stop_flag(),
                                 on_refusal(arguments.strict));
}

Result<outer::OuterImageReport> make_and_store(const ImageArguments& arguments, const ImageJob& job,
                                               outer::ImageDraft& draft, bake::Progress& progress,
                                               EngineExports& exports) {
  auto report = make(arguments, job, draft, progress, exports);
  if (!report) {
    return told_where(std::move(report).error(), draft.place().native());
  }
  if (report->images == 0) {
    return report;
  }
  TRY(loads_into_engine(job) ? load_into_engine(draft, report->image, progress)
                             : draft.store(report->image, progress, stop_flag()));
  return report;
}

// What needs no work to be found out.
Result<std::unique_ptr<outer::ImageDraft>> open_target(const ImageJob& job) {
  if (loads_into_engine(job)) {
    TRY(check_engine().within("-o docker-daemon"));
  }
  return outer::ImageDraft::create(job.target);
}

int run_image(const ImageArguments& arguments) {
  const auto began = std::chrono::steady_clock::now();
  const auto job = parse_arguments(arguments);
  if (!job) {
    return fail_arguments(kImageVerb, job.error());
  }
  catch_stop_signals();
  const auto draft = open_target(*job);
  if (!draft) {
    return fail_arguments(kImageVerb, draft.error());
  }
  bake::Progress progress(progress_style(arguments.progress), STDERR_FILENO);
  EngineExports exports;
  const auto report = make_and_store(arguments, *job, **draft, progress, exports);
  progress.finish();
  if (!report) {
    return fail_image(exports.failure().value_or(report.error()));
  }
  if (!report->nothing_to_reuse.empty()) {
    note(kImageVerb, fmt::format("nothing to reuse in {}: {}", job->options.previous.native(),
                                 report->nothing_to_reuse));
  }
  for (const std::string& warning : report->warnings) {
    warn(kImageVerb, warning);
  }
  if (report->images > 0) {
    print_summary(arguments, *report, std::chrono::steady_clock::now() - began);
  }
  return fail_images(kImageVerb, report->refused, report->images);
}

} // namespace

void add_image(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<ImageArguments>();
  auto* const verb =
      app.add_subcommand("image", "makes a finished image: a base with images in it");
  verb->footer(std::string(kSourcesHelp) + kHelp);
  verb->add_option("--base", arguments->base,
                   "an image with an engine in it, such as docker-daemon:docker:29-dind")
      ->type_name("SOURCE")
      ->required();
  verb->add_option("-o,--output", arguments->target, "where the image goes, see below")
      ->type_name("TARGET")
      ->required();
  verb->add_option("--tag", arguments->tags, "a name of the image; may be given again")
      ->type_name("REF")
      ->allow_extra_args(false);
  verb->add_option("source", arguments->sources, "where images come from, see below")
      ->type_name("SOURCE")
      ->required();
  verb->add_option(
          "--reuse", arguments->reuse,
          "an OCI layout of an earlier run: layers that have not changed are taken from it")
      ->type_name("oci:DIR[:REF]");
  verb->add_option(
          "--copy", arguments->copies,
          "copy this image into the volume at boot, and never borrow it; may be given again")
      ->type_name("REF")
      ->allow_extra_args(false);
  verb->add_option("--platform", arguments->platform,
                   "which image to take where there are several, such as linux/arm64")
      ->type_name("PLATFORM")
      ->capture_default_str();
  add_choice(*verb, "--compression", arguments->compression, {"zstd", "gzip"},
             "of the layers made for oci: and oci-archive:; gzip is for engines before 23");
  verb->add_option("--cache-dir", arguments->cache_dir, "where the cache is in the image")
      ->type_name("PATH")
      ->capture_default_str();
  verb->add_option("--programs", arguments->programs,
                   "where dind-init and dindctl are that a base without them gets; by default "
                   "those beside this program")
      ->type_name("DIR");
  add_carried_options(*verb, arguments->carried);
  add_strict_option(*verb, arguments->strict);
  add_progress_option(*verb, arguments->progress);
  verb->callback([arguments, &exit_code] {
    exit_code = run_image(*arguments);
    if (!is_done(exit_code)) { // a signal that comes too late has stopped nothing
      end_by_signal();
    }
  });
}

} // namespace dind::ctl
