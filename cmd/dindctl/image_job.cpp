#include "image_job.hpp"

#include <cache/reference.hpp>
#include <sys/file.hpp>
#include <outer/outer_config.hpp>

#include <cstdlib>

namespace dind::ctl {
namespace {

// The directory of the program that runs, and of its sibling.
Result<outer::CachePlace> own_directory() {
  return outer::CachePlace(TRY(sys::canonical_path("/proc/self/exe"))).parent_path();
}

Result<std::vector<std::string>> parse_tags(const std::vector<std::string>& tags) {
  std::vector<std::string> names;
  for (const std::string& tag : tags) {
    const auto parsed = TRY(cache::parse_reference(tag).within("--tag " + tag));
    if (parsed.tag.empty()) {
      return input_error("--tag {}: a digest is no tag", tag);
    }
    names.push_back(parsed.familiar_tagged());
  }
  return names;
}

Result<outer::CachePlace> parse_cache_dir(const std::string& text) {
  const outer::CachePlace place(text);
  if (!place.is_absolute() || place.lexically_normal() != place || !place.has_filename() ||
      place == "/") {
    return input_error(
        "--cache-dir {}: give an absolute path without \".\", \"..\" and a last slash", text);
  }
  return place;
}

// Of "oci:DIR", "oci:DIR:REF" or DIR: layers are found by what they hold, in whichever image.
Result<std::string> parse_reuse(const std::string& text) {
  const auto spec = TRY(images::parse_source_spec(text).within("--reuse"));
  if (spec.kind != images::SourceSpec::Kind::oci_layout &&
      spec.kind != images::SourceSpec::Kind::any) {
    return input_error("--reuse {}: only layers of an OCI layout can be taken: give oci:DIR", text);
  }
  return spec.path;
}

} // namespace

Result<ImageJob> parse_arguments(const ImageArguments& arguments) {
  ImageJob job;
  job.base.push_back(TRY(images::parse_source_spec(arguments.base).within("--base")));
  job.sources = TRY(read_sources(arguments.sources));
  job.target = TRY(outer::parse_image_target(arguments.target));
  job.platform = TRY(images::parse_platform(arguments.platform).within("--platform"));
  job.options.platform = job.platform;
  job.options.place = TRY(parse_cache_dir(arguments.cache_dir));
  job.options.carried = TRY(parse_carried(arguments.carried));
  job.options.names = TRY(parse_tags(arguments.tags));
  job.options.reference = job.target.reference;
  job.options.compression = !job.target.compressed()          ? archive::Compression::none
                            : arguments.compression == "gzip" ? archive::Compression::gzip
                                                              : archive::Compression::zstd;
  job.options.programs =
      arguments.programs.empty() ? TRY(own_directory()) : outer::CachePlace(arguments.programs);
  if (!arguments.reuse.empty()) {
    if (!job.target.compressed()) {
      return input_error("--reuse: only for targets oci: and oci-archive:, whose layers are "
                         "compressed");
    }
    job.options.previous = TRY(parse_reuse(arguments.reuse));
  }
  if (const char* const epoch = std::getenv("SOURCE_DATE_EPOCH");
      epoch != nullptr && *epoch != '\0') {
    job.options.created = TRY(outer::parse_source_date(epoch));
  }
  return job;
}

} // namespace dind::ctl
