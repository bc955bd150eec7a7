#pragma once

#include "sources.hpp"

#include <images/source_spec.hpp>
#include <outer/image_target.hpp>
#include <outer/outer_image.hpp>

#include <string>
#include <vector>

namespace dind::ctl {

// What `dindctl image` was told, as it is written.
struct ImageArguments {
  std::string base;
  std::string target;
  std::vector<std::string> tags;
  std::vector<std::string> sources;
  std::vector<std::string> copies;
  std::string reuse;
  std::string cache_dir = "/var/lib/dind-cache";
  std::string programs;
  std::string compression = "zstd";
  std::string platform = images::host_platform();
  std::string progress = "auto";
  CarriedArguments carried;
  bool strict = false;
};

// The same as it is meant.
struct ImageJob {
  std::vector<images::SourceSpec> base;
  std::vector<images::SourceSpec> sources;
  outer::ImageTarget target;
  std::string platform;
  outer::OuterImageOptions options;
};

// All that can be wrong with the arguments.
Result<ImageJob> parse_arguments(const ImageArguments& arguments);

} // namespace dind::ctl
