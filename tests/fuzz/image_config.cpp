#include <fuzz/target.hpp>

#include <images/image_config.hpp>

namespace dind::fuzz {
namespace {

void run_image_config(std::string_view input) {
  if (const auto config = images::parse_image_config(input)) {
    require(config->platform.starts_with("linux/")); // the rest is any text, as engines take it
  }
}

const Target kTargetImageConfig("image_config", run_image_config);

} // namespace
} // namespace dind::fuzz
