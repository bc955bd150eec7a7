#pragma once

#include <base/digest.hpp>
#include <base/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace dind::images {

// What baking needs of an image's configuration (OCI image spec, config.md).
struct ImageConfig {
  Digest id;            // sha256 of the bytes
  std::string platform; // "linux/amd64", "linux/arm/v7"
  bool says_platform = true;
  std::vector<Digest> diff_ids;
};

// The platform that this program was built for: "linux/amd64".
std::string host_platform();

// Refuses what no Linux engine can run, and more layers than an engine takes. What a configuration
// leaves open of its platform is that of `own`, the engine's.
Result<ImageConfig> parse_image_config(std::string_view text,
                                       const std::string& own = host_platform());

// "linux/arm64" or "linux/arm/v7", or an error that shows the form. Pure.
Result<std::string> parse_platform(std::string_view text);

// That an image is not for the platform that was wanted.
std::string platform_warning(std::string_view image, std::string_view is_for,
                             std::string_view wanted);
// That its configuration does not say what it is for.
std::string assumption_warning(std::string_view image, std::string_view taken_for);

} // namespace dind::images
