#include <registry/answer.hpp>

#include <base/json.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

namespace dind::registry {
namespace {

constexpr std::size_t kMostEntries = 200; // of a page
constexpr const char* kJson = "application/json";

constexpr Refusal kReadOnly = {405, "UNSUPPORTED", "this registry is only read from"};
constexpr Refusal kNoManifest = {404, "MANIFEST_UNKNOWN", "no cache has this image"};
constexpr Refusal kNoBlob = {404, "BLOB_UNKNOWN", "no cache has this blob"};
constexpr Refusal kNoRepository = {404, "NAME_UNKNOWN", "no cache has images of this name"};
constexpr Refusal kNoPart = {416, "SIZE_INVALID", "the blob has no such bytes"};

std::string_view phrase_of(int status) {
  switch (status) {
  case 200:
    return "OK";
  case 206:
    return "Partial Content";
  case 400:
    return "Bad Request";
  case 404:
    return "Not Found";
  case 405:
    return "Method Not Allowed";
  case 416:
    return "Range Not Satisfiable";
  case 431:
    return "Request Header Fields Too Large";
  default:
    return "Unknown";
  }
}

void add_header(Answer& answer, std::string_view name, std::string_view value) {
  answer.header += fmt::format("{}: {}\r\n", name, value);
}

Answer with_text(int status, std::string_view type, std::string text) {
  Answer made{.status = status, .length = text.size(), .text = std::move(text)};
  add_header(made, "Content-Type", type);
  return made;
}

Answer with_bytes(int status, std::string_view type, Slice slice) {
  Answer found{.status = status};
  found.length = slice.part.size;
  found.body = std::move(slice);
  add_header(found, "Content-Type", type);
  return found;
}

void describe(Answer& answer, const Digest& digest) {
  add_header(answer, "Docker-Content-Digest", digest.text());
  add_header(answer, "ETag", fmt::format("\"{}\"", digest.text()));
}

// As people write it, and as baking takes it.
std::string name_of(const cache::Reference& reference) {
  return reference.digest ? reference.familiar_digested(*reference.digest)
                          : reference.familiar_tagged();
}

Answer answer_manifest(const Catalogue& catalogue, const Target& target) {
  const auto digest = catalogue.find_manifest(target.reference);
  if (!digest) {
    Answer unknown = refuse(kNoManifest);
    unknown.missed = name_of(target.reference);
    return unknown;
  }
  const Content& content = *catalogue.find(*digest);
  const std::string_view type = catalogue.media_type(content);
  Answer found;
  if (content.form == Content::Form::made_manifest) {
    found = with_text(200, type, catalogue.made_manifest(content));
  } else {
    found = with_bytes(200, type, {*digest, content, {0, content.size}});
  }
  describe(found, *digest);
  found.found = name_of(target.reference);
  return found;
}

Answer answer_blob(const Catalogue& catalogue, const Target& target, std::string_view range) {
  const Digest& digest = *target.reference.digest;
  const Content* const content = catalogue.find(digest);
  if (!content || content->is_manifest()) {
    return refuse(kNoBlob);
  }
  const WantedPart wanted = parse_range(range, content->size);
  if (std::holds_alternative<NoSuchPart>(wanted)) {
    Answer none = refuse(kNoPart);
    add_header(none, "Content-Range", fmt::format("bytes */{}", content->size));
    return none;
  }
  const Part* const part = std::get_if<Part>(&wanted);
  Answer found = with_bytes(part ? 206 : 200, catalogue.media_type(*content),
                            {digest, *content, part ? *part : Part{0, content->size}});
  add_header(found, "Accept-Ranges", "bytes");
  if (part) {
    add_header(
        found, "Content-Range",
        fmt::format("bytes {}-{}/{}", part->first, part->first + part->size - 1, content->size));
  }
  describe(found, digest);
  return found;
}

// The entries that a page has.
struct Listing {
  json::array names;
  std::string next; // the last one of them, if others follow
};

template <typename Map, typename Print>
Listing list(const Map& entries, const Page& page, Print print) {
  Listing listing;
  const std::size_t most = std::min(page.most.value_or(kMostEntries), kMostEntries);
  auto at = page.last.empty() ? entries.begin() : entries.upper_bound(page.last);
  for (; at != entries.end() && listing.names.size() < most; ++at) {
    listing.names.emplace_back(print(at->first));
  }
  if (at != entries.end() && !listing.names.empty()) {
    listing.next = print(std::prev(at)->first);
  }
  return listing;
}

Answer with_listing(json::object body, const Listing& listing, const std::string& path,
                    std::string_view query) {
  Answer found = with_text(200, kJson, json::print(body, json::Style::compact));
  if (!listing.next.empty()) {
    add_header(found, "Link",
               fmt::format("<{}?n={}&last={}{}>; rel=\"next\"", path, listing.names.size(),
                           listing.next, query));
  }
  return found;
}

Answer answer_tags(const Catalogue& catalogue, const Target& target) {
  const auto* const tags = catalogue.tags_of(target.reference.repository());
  if (!tags) {
    return refuse(kNoRepository);
  }
  const Listing listing = list(*tags, target.page, [](const std::string& tag) { return tag; });
  json::object body;
  body["name"] = target.name;
  body["tags"] = listing.names;
  return with_listing(std::move(body), listing, "/v2/" + target.name + "/tags/list",
                      target.ns.empty() ? "" : "&ns=" + target.reference.domain);
}

// The names by which they can be had without `?ns=`.
Answer answer_repositories(const Catalogue& catalogue, const Target& target) {
  Page page = target.page;
  if (const auto last = cache::parse_reference(page.last)) {
    page.last = last->repository();
  }
  const Listing listing = list(catalogue.repositories(), page, [](const std::string& repository) {
    constexpr std::string_view kDocker = "docker.io/";
    return repository.starts_with(kDocker) ? repository.substr(kDocker.size()) : repository;
  });
  json::object body;
  body["repositories"] = listing.names;
  return with_listing(std::move(body), listing, "/v2/_catalog", "");
}

Answer answer_target(const Catalogue& catalogue, const Target& target, std::string_view range) {
  switch (target.what) {
  case Target::What::version:
    return with_text(200, kJson, "{}");
  case Target::What::manifest:
    return answer_manifest(catalogue, target);
  case Target::What::blob:
    return answer_blob(catalogue, target, range);
  case Target::What::tags:
    return answer_tags(catalogue, target);
  case Target::What::repositories:
    return answer_repositories(catalogue, target);
  }
  return refuse(kNoBlob);
}

} // namespace

Answer refuse(const Refusal& refusal) {
  json::object error;
  error["code"] = refusal.code;
  error["message"] = refusal.message;
  json::object body;
  body["errors"] = json::array({std::move(error)});
  return with_text(refusal.status, kJson, json::print(body, json::Style::compact));
}

Answer answer(const Catalogue& catalogue, const Request& request) {
  if (request.method == Method::other) {
    Answer refused = refuse(kReadOnly);
    add_header(refused, "Allow", "GET, HEAD");
    return refused;
  }
  const auto target = parse_target(request.target);
  Answer made =
      target ? answer_target(catalogue, *target,
                             request.method == Method::get ? request.range : std::string_view())
             : refuse(target.error());
  if (request.method == Method::head) {
    made.text.clear();
    made.body.reset();
  }
  return made;
}

std::string print_head(const Answer& answer, Afterwards connection) {
  return fmt::format("HTTP/1.1 {} {}\r\n"
                     "Docker-Distribution-Api-Version: registry/2.0\r\n"
                     "{}Content-Length: {}\r\n{}\r\n",
                     answer.status, phrase_of(answer.status), answer.header, answer.length,
                     connection == Afterwards::close ? "Connection: close\r\n" : "");
}

} // namespace dind::registry
