#include <cache/reference.hpp>

#include <algorithm>

namespace dind::cache {
namespace {

constexpr std::string_view kDefaultDomain = "docker.io";
constexpr std::string_view kLegacyDomain = "index.docker.io";
constexpr std::string_view kOfficial = "library/";
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxTag = 128;

bool is_lower_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_alnum(char c) {
  return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

// path-component: alphanumerics joined by one ".", one or two "_", or any number of "-".
bool is_path_component(std::string_view text) {
  if (text.empty() || !is_lower_alnum(text.front()) || !is_lower_alnum(text.back())) {
    return false;
  }
  for (std::size_t i = 0; i < text.size();) {
    if (is_lower_alnum(text[i])) {
      ++i;
      continue;
    }
    const auto end =
        std::find_if(text.begin() + static_cast<std::ptrdiff_t>(i), text.end(), is_lower_alnum);
    const std::string_view joint = text.substr(i, static_cast<std::size_t>(end - text.begin()) - i);
    if (joint != "." && joint != "_" && joint != "__" &&
        joint.find_first_not_of('-') != std::string_view::npos) {
      return false;
    }
    i += joint.size();
  }
  return true;
}

bool is_path(std::string_view text) {
  for (;;) {
    const auto slash = text.find('/');
    if (!is_path_component(text.substr(0, slash))) {
      return false;
    }
    if (slash == std::string_view::npos) {
      return true;
    }
    text.remove_prefix(slash + 1);
  }
}

bool is_domain(std::string_view text) {
  const auto closing = text.find(']');
  if (text.starts_with('[') && closing != std::string_view::npos) {
    const auto inside = text.substr(1, closing - 1);
    if (inside.find_first_not_of("0123456789abcdefABCDEF:") != std::string_view::npos) {
      return false;
    }
    text.remove_prefix(closing + 1);
    return text.empty() || (text.size() > 1 && text[0] == ':' &&
                            text.find_first_not_of("0123456789", 1) == std::string_view::npos);
  }
  const auto colon = text.find(':');
  const auto host = text.substr(0, colon);
  if (host.empty() || !is_alnum(host.front()) || !is_alnum(host.back()) ||
      !std::all_of(host.begin(), host.end(),
                   [](char c) { return is_alnum(c) || c == '.' || c == '-'; })) {
    return false;
  }
  return colon == std::string_view::npos ||
         (colon + 1 < text.size() &&
          text.find_first_not_of("0123456789", colon + 1) == std::string_view::npos);
}

bool is_tag(std::string_view text) {
  const auto is_word = [](char c) { return is_alnum(c) || c == '_'; };
  return !text.empty() && text.size() <= kMaxTag && is_word(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_word(c) || c == '.' || c == '-'; });
}

// The first component is a registry only if it cannot be a path: it has a dot or
// a port, is "localhost", or is not all lower case.
bool looks_like_domain(std::string_view first) {
  return first.find_first_of(".:") != std::string_view::npos || first == "localhost" ||
         std::any_of(first.begin(), first.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

} // namespace

std::string Reference::familiar_name() const {
  if (domain != kDefaultDomain) {
    return domain + "/" + path;
  }
  // "docker.io/library/a/b" keeps its prefix: "a/b" would mean another image.
  const bool official =
      path.starts_with(kOfficial) && path.find('/', kOfficial.size()) == std::string::npos;
  return official ? path.substr(kOfficial.size()) : path;
}

Result<Reference> parse_reference(std::string_view text) {
  const auto refuse = [text]() { return input_error("\"{}\" is not an image reference", text); };
  Reference reference;
  std::string_view rest = text;
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    auto digest = Digest::parse(rest.substr(at + 1));
    if (!digest) {
      return refuse();
    }
    reference.digest = std::move(digest).value();
    rest = rest.substr(0, at);
  }
  const auto last_slash = rest.rfind('/');
  const auto name_start = last_slash == std::string_view::npos ? 0 : last_slash + 1;
  if (const auto colon = rest.find(':', name_start); colon != std::string_view::npos) {
    reference.tag = rest.substr(colon + 1);
    if (!is_tag(reference.tag)) {
      return refuse();
    }
    rest = rest.substr(0, colon);
  }
  const auto slash = rest.find('/');
  if (slash != std::string_view::npos && looks_like_domain(rest.substr(0, slash))) {
    reference.domain = rest.substr(0, slash);
    rest.remove_prefix(slash + 1);
  } else {
    reference.domain = kDefaultDomain;
  }
  if (reference.domain == kLegacyDomain) {
    reference.domain = kDefaultDomain;
  }
  reference.path = rest;
  if (reference.domain == kDefaultDomain && rest.find('/') == std::string_view::npos) {
    reference.path.insert(0, kOfficial);
  }
  if (!is_domain(reference.domain) || !is_path(reference.path) ||
      reference.repository().size() > kMaxName) {
    return refuse();
  }
  if (reference.tag.empty() && !reference.digest) {
    reference.tag = "latest";
  }
  return reference;
}

} // namespace dind::cache
