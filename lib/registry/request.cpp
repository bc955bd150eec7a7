#include <registry/request.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace dind::registry {
namespace {

constexpr std::string_view kRoot = "/v2/";
constexpr std::string_view kDocker = "docker.io";
// Names of hosts that serve docker.io's images.
constexpr std::array<std::string_view, 3> kDockerHosts = {kDocker, "index.docker.io",
                                                          "registry-1.docker.io"};

constexpr Refusal kNoSuchPath = {404, "UNSUPPORTED", "no such path"};
constexpr Refusal kBadName = {400, "NAME_INVALID", "not a repository's name"};
constexpr Refusal kBadDigest = {400, "DIGEST_INVALID", "not sha256: and 64 lower-case hex digits"};
constexpr Refusal kBadPage = {400, "UNSUPPORTED", "not a number of entries"};
constexpr Refusal kBadTag = {404, "MANIFEST_UNKNOWN", "no image has such a tag"};

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, number);
  // Digits that are too many for the type mean more than there can be.
  if (failure == std::errc::result_out_of_range && stop == end) {
    return UINT64_MAX;
  }
  return failure == std::errc() && stop == end ? std::optional(number) : std::nullopt;
}

// Cuts off what is behind the last slash. "" where there is none.
std::string_view take_last(std::string_view& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) {
    return {};
  }
  const std::string_view last = path.substr(slash + 1);
  path = path.substr(0, slash);
  return last;
}

// "%3A" of a query's values; what is no such code stays.
std::string decoded(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    unsigned char byte = 0;
    const auto code = text.substr(0, 3);
    if (code.size() == 3 && code[0] == '%' &&
        std::from_chars(code.data() + 1, code.data() + 3, byte, 16).ptr == code.data() + 3) {
      plain.push_back(static_cast<char>(byte));
      text.remove_prefix(3);
    } else {
      plain.push_back(text[0]);
      text.remove_prefix(1);
    }
  }
  return plain;
}

// Of "ns=docker.io&n=10".
std::optional<std::string> query_value(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.size() > key.size() && pair.starts_with(key) && pair[key.size()] == '=') {
      return decoded(pair.substr(key.size() + 1));
    }
  }
  return std::nullopt;
}

Result<Page, Refusal> page_in(std::string_view query) {
  Page page;
  page.last = query_value(query, "last").value_or("");
  if (const auto most = query_value(query, "n")) {
    page.most = number_in(*most);
    if (!page.most) {
      return kBadPage;
    }
  }
  return page;
}

// `text` is a name, with a tag or a digest that are well-formed.
Result<cache::Reference, Refusal> reference_in(std::string_view ns, const std::string& text) {
  const bool is_dockers =
      std::find(kDockerHosts.begin(), kDockerHosts.end(), ns) != kDockerHosts.end();
  const std::string_view domain = is_dockers ? kDocker : ns;
  auto reference = cache::parse_reference(ns.empty() ? text : std::string(domain) + "/" + text);
  // A registry's name that has no dot and no port would be taken for a part of the path.
  if (!reference || (!ns.empty() && reference->domain != domain)) {
    return kBadName;
  }
  return std::move(reference).value();
}

Result<cache::Reference, Refusal> named_by(std::string_view ns, std::string_view name,
                                           std::string_view tag_or_digest) {
  // They would end the name before the tag that is asked for.
  if (name.empty() || name.find_first_of(":@") != std::string_view::npos) {
    return kBadName;
  }
  const std::string text(name);
  if (tag_or_digest.find(':') != std::string_view::npos) {
    return Digest::parse(tag_or_digest) ? reference_in(ns, text + "@" + std::string(tag_or_digest))
                                        : kBadDigest;
  }
  auto repository = TRY(reference_in(ns, text));
  auto tagged = cache::parse_reference(text + ":" + std::string(tag_or_digest));
  if (!tagged || tagged->digest) {
    return kBadTag;
  }
  repository.tag = tagged->tag;
  return repository;
}

} // namespace

Result<Target, Refusal> parse_target(std::string_view text) {
  const std::size_t mark = std::min(text.find('?'), text.size());
  std::string_view path = text.substr(0, mark);
  const std::string_view query = text.substr(std::min(mark + 1, text.size()));
  Target target;
  if (path == kRoot || path == kRoot.substr(0, kRoot.size() - 1)) {
    return target;
  }
  if (!path.starts_with(kRoot)) {
    return kNoSuchPath;
  }
  path.remove_prefix(kRoot.size());
  if (path == "_catalog") {
    target.what = Target::What::repositories;
    target.page = TRY(page_in(query));
    return target;
  }
  const std::string_view last = take_last(path);
  const std::string_view kind = take_last(path);
  target.name = path;
  target.ns = query_value(query, "ns").value_or("");
  if (kind == "manifests" && !last.empty()) {
    target.what = Target::What::manifest;
    target.reference = TRY(named_by(target.ns, path, last));
  } else if (kind == "blobs") {
    target.what = Target::What::blob;
    if (!Digest::parse(last)) {
      return kBadDigest;
    }
    target.reference = TRY(named_by(target.ns, path, last));
  } else if (kind == "tags" && last == "list") {
    target.what = Target::What::tags;
    target.reference = TRY(named_by(target.ns, path, "latest"));
    target.page = TRY(page_in(query));
  } else {
    return kNoSuchPath;
  }
  return target;
}

WantedPart parse_range(std::string_view header, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) {
    return WholeContent();
  }
  header.remove_prefix(kUnit.size());
  const std::size_t dash = header.find('-');
  if (dash == std::string_view::npos) {
    return WholeContent();
  }
  const auto from = number_in(header.substr(0, dash));
  const auto to = number_in(header.substr(dash + 1));
  if (dash == 0) { // the last bytes
    if (!to) {
      return WholeContent();
    }
    const std::uint64_t count = std::min(*to, size);
    return count == 0 ? WantedPart(NoSuchPart()) : Part{size - count, count};
  }
  const bool is_open = dash + 1 == header.size();
  if (!from || (!to && !is_open) || (to && *to < *from)) {
    return WholeContent();
  }
  if (*from >= size) {
    return NoSuchPart();
  }
  const std::uint64_t last = to ? std::min(*to, size - 1) : size - 1;
  return Part{*from, last - *from + 1};
}

} // namespace dind::registry
