#include <fuzz/target.hpp>

#include <archive/sha256.hpp>
#include <registry/answer.hpp>

#include <algorithm>

namespace dind::fuzz {
namespace {

registry::Catalogue small_catalogue() {
  const Digest layer = archive::sha256_of("layer");
  cache::Manifest manifest;
  manifest.layers = {{.diff_id = layer, .tar_bytes = 100}};
  manifest.images = {{.id = archive::sha256_of("image"),
                      .names = {"alpine:3.20", "ghcr.io/a/b:1"},
                      .config_bytes = 10,
                      .layers = {layer}}};
  registry::Catalogue catalogue;
  catalogue.add(manifest);
  return catalogue;
}

// A target, and behind a newline a Range header. Whatever they say, a part is one of its content,
// and no request writes headers of its own.
void run_registry_request(std::string_view input) {
  static const registry::Catalogue catalogue = small_catalogue();
  const std::size_t end = std::min(input.find('\n'), input.size());
  const registry::Request request{registry::Method::get, input.substr(0, end),
                                  input.substr(std::min(end + 1, input.size()))};
  const registry::Answer answer = registry::answer(catalogue, request);
  if (answer.body) {
    const auto& [digest, content, part] = *answer.body;
    require(part.size <= content.size && part.first <= content.size - part.size);
  }
  const std::string& header = answer.header;
  require(std::count(header.begin(), header.end(), '\n') <= 6);
  require(header.ends_with("\r\n") && header.find("\r\n\r\n") == std::string::npos);
}

const Target kTargetRegistryRequest("registry_request", run_registry_request);

} // namespace
} // namespace dind::fuzz
