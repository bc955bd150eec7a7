#include <outer/image_target.hpp>

#include <algorithm>
#include <array>

namespace dind::outer {
namespace {

struct Form {
  std::string_view name;
  ImageTarget::Kind kind;
};
constexpr std::array kForms = {Form{"oci", ImageTarget::Kind::oci_layout},
                               Form{"oci-archive", ImageTarget::Kind::oci_archive},
                               Form{"docker-archive", ImageTarget::Kind::docker_archive},
                               Form{"docker-daemon", ImageTarget::Kind::docker_daemon}};

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// The grammar of org.opencontainers.image.ref.name (OCI image spec, annotations.md): letters and
// digits with single separators between them, or "--".
bool is_reference(std::string_view text) {
  constexpr std::string_view kSeparators = "-._:@+/";
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_alphanumeric(text[i])) {
      continue;
    }
    const bool is_double = text.substr(i).starts_with("--");
    const std::size_t next = i + (is_double ? 2 : 1);
    if (i == 0 || next >= text.size() || !is_alphanumeric(text[next]) ||
        kSeparators.find(text[i]) == std::string_view::npos) {
      return false;
    }
    i = next;
  }
  return true;
}

} // namespace

Result<ImageTarget> parse_image_target(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view prefix = text.substr(0, colon);
  const auto* const form = std::find_if(kForms.begin(), kForms.end(),
                                        [&](const Form& known) { return known.name == prefix; });
  if (colon == std::string_view::npos || form == kForms.end()) {
    return input_error("\"{}\" is no target: give {}", text, kTargetForms);
  }
  const std::string_view rest = text.substr(colon + 1);
  ImageTarget target{form->kind, std::string(rest), ""};
  if (target.kind == ImageTarget::Kind::docker_daemon) {
    return rest.empty() ? Result<ImageTarget>(std::move(target))
                        : input_error("{}: names are given by --tag", text);
  }
  if (const std::size_t split = rest.find(':'); split != std::string_view::npos) {
    target.path = rest.substr(0, split);
    target.reference = rest.substr(split + 1);
    if (target.kind == ImageTarget::Kind::docker_archive || target.reference.empty()) {
      return input_error("{}: names are given by --tag", text);
    }
    if (!is_reference(target.reference)) {
      return input_error("{}: \"{}\" is no reference: give letters and digits with one of -._:@+/ "
                         "between them, such as ci-dind:1",
                         text, target.reference);
    }
  }
  if (target.path.empty()) {
    return input_error("{}: no path behind \"{}:\"", text, prefix);
  }
  return target;
}

} // namespace dind::outer
