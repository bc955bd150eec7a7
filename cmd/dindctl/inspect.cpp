#include "failure.hpp"
#include "show_line.hpp"
#include "table.hpp"
#include "verbs.hpp"

#include <base/json.hpp>
#include <base/readable.hpp>
#include <base/utf8.hpp>
#include <cache/reader.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace dind::ctl {
namespace {

constexpr std::string_view kInspectVerb = "inspect";
constexpr const char* kInspectFooter =
    R"(Layers are listed if images share them or if they cannot be borrowed.

Examples:
  dindctl inspect /var/lib/dind-cache
  dindctl inspect --json out/cache | jq -r '.images[].names[]'

Exit codes:
  0   done
  64  usage
  65  a cache that cannot be understood
  74  the system refused: no cache there, no permission)";

// What one layer adds up to for people.
struct LayerFacts {
  const cache::Layer* layer = nullptr;
  std::uint64_t deletions = 0; // whiteouts and opaque directories
  std::uint64_t images = 0;    // that use it
};
using Facts = std::map<Digest, LayerFacts>;

Result<Facts> gather(const cache::Cache& cache) {
  Facts facts;
  for (const cache::Layer& layer : cache.manifest().layers) {
    LayerFacts& fact = facts[layer.diff_id];
    fact.layer = &layer;
    if (layer.marks > 0) {
      const auto skeleton = TRY(cache.read_skeleton(layer.diff_id));
      fact.deletions = skeleton.whiteouts.size() + skeleton.opaque.size();
    }
  }
  for (const cache::Image& image : cache.manifest().images) {
    for (const Digest& diff_id : std::set<Digest>(image.layers.begin(), image.layers.end())) {
      ++facts[diff_id].images;
    }
  }
  return facts;
}

struct Sum {
  std::uint64_t bytes = 0;
  std::uint64_t deletions = 0;
};

Sum add_up(const cache::Image& image, const Facts& facts) {
  Sum sum;
  for (const Digest& diff_id : image.layers) {
    sum.bytes += facts.at(diff_id).layer->bytes;
    sum.deletions += facts.at(diff_id).deletions;
  }
  return sum;
}

std::uint64_t bytes_of(const cache::BuildCache& build) {
  std::uint64_t bytes = 0;
  for (const cache::Blob& blob : build.blobs) {
    bytes += blob.size;
  }
  return bytes;
}

void print_for_people(const cache::Cache& cache, const Facts& facts) {
  const cache::Manifest& manifest = cache.manifest();
  std::uint64_t bytes = 0;
  for (const cache::Layer& layer : manifest.layers) {
    bytes += layer.bytes;
  }
  show_line("{}: {} images, {} layers, {}", cache.path().native(), manifest.images.size(),
            manifest.layers.size(), readable_size(bytes));
  fmt::print("{}\n\n", cache.digest().text());
  std::vector<Row> rows = {{"IMAGE", "ID", "SIZE", "LAYERS", "DELETIONS", "AT BOOT"}};
  for (const cache::Image& image : manifest.images) {
    const Sum sum = add_up(image, facts);
    const std::vector<std::string> nameless = {"<none>"};
    bool is_first = true;
    for (const std::string& name : image.names.empty() ? nameless : image.names) {
      rows.push_back(is_first
                         ? Row{name, image.id.short_hex(), readable_size(sum.bytes),
                               fmt::format("{}", image.layers.size()),
                               fmt::format("{}", sum.deletions), image.copy ? "copied" : "borrowed"}
                         : Row{name, image.id.short_hex(), "", "", "", ""});
      is_first = false;
    }
  }
  print_table(rows);
  rows = {{"LAYER", "SIZE", "IMAGES", "REMARK"}};
  for (const cache::Layer& layer : manifest.layers) {
    const LayerFacts& fact = facts.at(layer.diff_id);
    if (fact.images > 1 || !layer.copy_reason.empty()) {
      rows.push_back({layer.diff_id.short_hex(), readable_size(layer.bytes),
                      fmt::format("{}", fact.images),
                      layer.copy_reason.empty() ? "shared" : "copied: " + layer.copy_reason});
    }
  }
  if (rows.size() > 1) {
    fmt::print("\n");
    print_table(rows);
  }
  rows = {{"BUILD CACHE", "DOCUMENT", "SIZE", "BLOBS"}};
  for (const cache::BuildCache& build : manifest.build_caches) {
    rows.push_back({build.name, build.document.short_hex(), readable_size(bytes_of(build)),
                    fmt::format("{}", build.blobs.size())});
  }
  if (rows.size() > 1) {
    fmt::print("\n");
    print_table(rows);
  }
}

template <typename List>
json::array to_json(const List& list) {
  json::array array;
  for (const auto& item : list) {
    if constexpr (std::is_same_v<std::decay_t<decltype(item)>, Digest>) {
      array.emplace_back(item.text());
    } else {
      array.emplace_back(item);
    }
  }
  return array;
}

json::value to_json(const std::optional<Digest>& digest) {
  return digest ? json::value(digest->text()) : json::value(nullptr);
}

json::object to_json(const cache::Image& image, const Facts& facts) {
  const Sum sum = add_up(image, facts);
  json::object object;
  object["id"] = image.id.text();
  object["names"] = to_json(image.names);
  object["digests"] = to_json(image.digests);
  object["manifest"] = to_json(image.manifest);
  object["index"] = to_json(image.index);
  object["parent"] = to_json(image.parent);
  object["platform"] = image.platform;
  object["bytes"] = sum.bytes;
  object["deletions"] = sum.deletions;
  object["copy"] = image.copy;
  object["layers"] = to_json(image.layers);
  return object;
}

json::object to_json(const LayerFacts& fact) {
  const cache::Layer& layer = *fact.layer;
  json::object object;
  object["diff_id"] = layer.diff_id.text();
  object["bytes"] = layer.bytes;
  object["tar_bytes"] = layer.tar_bytes;
  object["entries"] = layer.entries;
  object["marks"] = layer.marks;
  object["deletions"] = fact.deletions;
  object["images"] = fact.images;
  object["copy_reason"] = layer.copy_reason;
  json::array blobs;
  for (const cache::Blob& blob : layer.blobs) {
    json::object form;
    form["digest"] = blob.digest.text();
    form["bytes"] = blob.size;
    form["media_type"] = blob.media_type;
    form["repositories"] = to_json(blob.repositories);
    form["carried"] = blob.carried;
    blobs.push_back(std::move(form));
  }
  object["blobs"] = std::move(blobs);
  return object;
}

void print_for_programs(const cache::Cache& cache, const Facts& facts) {
  json::array images;
  for (const cache::Image& image : cache.manifest().images) {
    images.push_back(to_json(image, facts));
  }
  json::array layers;
  for (const cache::Layer& layer : cache.manifest().layers) {
    layers.push_back(to_json(facts.at(layer.diff_id)));
  }
  json::array build_caches;
  for (const cache::BuildCache& build : cache.manifest().build_caches) {
    json::object members;
    members["name"] = build.name;
    members["document"] = build.document.text();
    members["blobs"] = build.blobs.size();
    members["bytes"] = bytes_of(build);
    build_caches.push_back(std::move(members));
  }
  json::object object;
  object["format"] = cache::kFormatVersion;
  object["path"] = printable(cache.path().native());
  object["digest"] = cache.digest().text();
  object["images"] = std::move(images);
  object["layers"] = std::move(layers);
  object["build_caches"] = std::move(build_caches);
  fmt::print("{}", json::print(object, json::Style::pretty));
}

int run_inspect(const std::string& path, bool as_json) {
  const auto cache = cache::Cache::open(path);
  if (!cache) {
    return fail(kInspectVerb, cache.error());
  }
  const auto facts = gather(*cache);
  if (!facts) {
    return fail(kInspectVerb, Error(facts.error()).within(path));
  }
  if (as_json) {
    print_for_programs(*cache, *facts);
  } else {
    print_for_people(*cache, *facts);
  }
  return kDone;
}

} // namespace

void add_inspect(CLI::App& app, int& exit_code) {
  const auto path = std::make_shared<std::string>();
  const auto as_json = std::make_shared<bool>(false);
  auto* const verb = app.add_subcommand("inspect", "lists what a cache holds");
  verb->add_option("cache", *path, "the cache")->type_name("DIR")->required();
  verb->add_flag("--json", *as_json, "prints JSON, for programs");
  verb->footer(kInspectFooter);
  verb->callback([path, as_json, &exit_code] { exit_code = run_inspect(*path, *as_json); });
}

} // namespace dind::ctl
